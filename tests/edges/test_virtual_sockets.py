"""Virtual time over real sockets, which the core's own tests do without."""

import asyncio

from omnitron.testing import VirtualClock


def test_sockets_are_waited_for():
    """And one that only listens is not."""
    clock = VirtualClock()

    async def answer(reader, writer):
        writer.write((await reader.readline()).upper())
        await writer.drain()
        writer.close()
        await writer.wait_closed()

    async def main():
        server = await asyncio.start_server(answer, "127.0.0.1", 0)
        await asyncio.sleep(3600)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        writer.write(b"hello\n")
        found = await reader.read()
        writer.close()
        await writer.wait_closed()
        server.close()
        return found

    assert clock.run(main()) == b"HELLO\n"
    assert clock.monotonic() == 3600.0
