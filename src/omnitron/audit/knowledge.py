"""Which modules let code reach out of itself, and towards what.

Here lives one table: module names by kind of reach. A name is listed for what
it is *for*; a module that merely could be led there (a parser that takes a file
name, say) is not. What every module has without an import (`open`, `eval`,
`exec`, `compile`, `__import__`) is a call and not an import, so it is not here;
for the same reason `import io` and `import sys` are not, or nearly every module
would be listed and the list would say nothing. Finding the imports is the work
of `omnitron.audit.imports`; which calls really happen is not decided here.
"""

from __future__ import annotations

from enum import Flag
from typing import Final

__all__ = ["VENDORS", "Reach", "reach_of"]


class Reach(Flag):
    """What an imported module lets code touch; a module may have several kinds."""

    NONE = 0
    NETWORK = 1
    PROCESS = 2
    FILE = 4
    ENVIRONMENT = 8
    DYNAMIC = 16

    @property
    def kinds(self) -> tuple[str, ...]:
        """The lower-case names of the kinds in it, in the order of the class."""
        return _KINDS[self.value]


# Every value's names, looked up by value: naming a flag's members is slow on 3.11.
_KINDS: Final = tuple(
    tuple(kind.name.lower() for kind in Reach if kind.name and kind.value & value) for value in range(32)
)

# A name in several texts has several kinds. A dotted name stands for itself and
# all beneath it, unless a longer one is listed: the longest one decides.
_NETWORK: Final = """
    socket _socket ssl _ssl socketserver asyncio asyncore asynchat
    http.client http.server urllib.request urllib.robotparser urllib2 httplib
    ftplib poplib imaplib smtplib smtpd nntplib telnetlib xmlrpc xmlrpc.client
    xmlrpc.server wsgiref.simple_server logging.handlers webbrowser
    multiprocessing.connection multiprocessing.managers
    requests httpx httpcore aiohttp urllib3 httplib2 pycurl tornado twisted gevent
    eventlet trio anyio uvloop uvicorn hypercorn gunicorn waitress werkzeug.serving
    websockets websocket wsproto.connection grpc zmq paramiko asyncssh fabric dns
    socks pysftp ldap3 pika aio_pika kafka aiokafka confluent_kafka nats
    redis aioredis pymongo motor psycopg psycopg2 asyncpg pymysql aiomysql MySQLdb
    mysql.connector cassandra elasticsearch boto3 botocore aiobotocore google.cloud
    azure docker kubernetes ray distributed fsspec s3fs gcsfs
"""
_PROCESS: Final = """
    os posix nt subprocess _posixsubprocess multiprocessing _multiprocessing
    concurrent.futures concurrent.futures.process asyncio asyncio.subprocess
    asyncio.create_subprocess_exec asyncio.create_subprocess_shell
    signal pty _winapi webbrowser venv ensurepip resource
    psutil pexpect ptyprocess winpty sh plumbum invoke fabric billiard celery joblib
    loky ray distributed gunicorn twisted gevent eventlet trio anyio uvloop paramiko
    asyncssh docker pip
"""
_FILE: Final = """
    os posix nt os.path posixpath ntpath genericpath pathlib shutil tempfile glob
    fileinput filecmp linecache mmap fcntl msvcrt _winapi zipfile tarfile gzip bz2
    lzma dbm shelve sqlite3 _sqlite3 mailbox netrc zipapp zipimport py_compile
    compileall pkgutil importlib.resources importlib.metadata importlib_resources
    importlib_metadata pkg_resources venv ensurepip logging.handlers
    http.cookiejar io.open io.open_code io.FileIO _io.FileIO builtins.open
    codecs.open tokenize.open
    aiofiles fsspec s3fs gcsfs filelock portalocker watchdog watchfiles send2trash
    h5py joblib py.path trio anyio twisted dotenv diskcache
"""
_ENVIRONMENT: Final = """
    os posix nt os.environ os.environb os.getenv os.getenvb os.putenv os.unsetenv
    platform getpass pwd grp spwd site sysconfig winreg _winreg
    distutils.sysconfig psutil distro platformdirs appdirs xdg decouple environ
    environs dotenv keyring
"""
_DYNAMIC: Final = """
    importlib importlib.metadata importlib_metadata _imp imp pkgutil zipimport runpy
    code codeop pdb bdb doctest timeit pkg_resources
    pickle _pickle cPickle marshal shelve
    ctypes _ctypes cffi _cffi_backend
    builtins.eval builtins.exec builtins.compile builtins.__import__
    dill cloudpickle joblib jsonpickle numba llvmlite pyximport stevedore
"""
# Names that reach nothing although they live in a module that does.
_NOTHING: Final = """
    os.PathLike os.fspath os.fsencode os.fsdecode os.sep os.altsep os.pathsep
    os.linesep os.curdir os.pardir os.extsep os.devnull os.name os.strerror os.error
    os.path.join os.path.split os.path.splitext os.path.basename os.path.dirname
    os.path.normpath os.path.normcase os.path.isabs os.path.commonprefix os.path.sep
    pathlib.PurePath pathlib.PurePosixPath pathlib.PureWindowsPath
    asyncio.CancelledError asyncio.TimeoutError asyncio.InvalidStateError
    asyncio.Future asyncio.Task asyncio.TaskGroup asyncio.AbstractEventLoop
    asyncio.Lock asyncio.Event asyncio.Condition asyncio.Semaphore
    asyncio.BoundedSemaphore asyncio.Barrier asyncio.Queue asyncio.LifoQueue
    asyncio.PriorityQueue asyncio.QueueEmpty asyncio.QueueFull asyncio.sleep
    asyncio.gather asyncio.wait asyncio.wait_for asyncio.shield asyncio.timeout
    asyncio.as_completed asyncio.create_task asyncio.current_task asyncio.all_tasks
    asyncio.ensure_future asyncio.iscoroutine asyncio.iscoroutinefunction
    asyncio.isfuture asyncio.to_thread asyncio.get_running_loop asyncio.coroutines
    asyncio.exceptions asyncio.futures asyncio.locks asyncio.queues asyncio.tasks
    concurrent.futures.Executor concurrent.futures.ThreadPoolExecutor
    concurrent.futures.Future concurrent.futures.CancelledError
    concurrent.futures.TimeoutError concurrent.futures.as_completed
    concurrent.futures.wait concurrent.futures.thread concurrent.futures._base
    multiprocessing.cpu_count platform.python_implementation
    platform.python_version platform.python_version_tuple
    ctypes.wintypes pickle.PickleError pickle.PicklingError pickle.UnpicklingError
    pickle.HIGHEST_PROTOCOL pickle.DEFAULT_PROTOCOL subprocess.CalledProcessError
    subprocess.TimeoutExpired ssl.SSLError socket.error socket.timeout
    importlib.abc zipfile.BadZipFile gzip.BadGzipFile sqlite3.Error
"""

VENDORS: Final = frozenset({"_vendor", "_vendored", "vendored", "vendor", "extern", "moves"})
"""Folders that hold other people's packages: `pip._vendor.requests` is `requests`."""


def _table() -> dict[str, Reach]:
    known = dict.fromkeys(_NOTHING.split(), Reach.NONE)
    for reach, names in (
        (Reach.NETWORK, _NETWORK),
        (Reach.PROCESS, _PROCESS),
        (Reach.FILE, _FILE),
        (Reach.ENVIRONMENT, _ENVIRONMENT),
        (Reach.DYNAMIC, _DYNAMIC),
    ):
        for name in names.split():
            known[name] = known.get(name, Reach.NONE) | reach
    return known


_KNOWN: Final = _table()


def reach_of(name: str) -> tuple[str, Reach]:
    """Look up a dotted name; its longest listed prefix decides.

    Args:
        name: An absolute dotted name: a module, or a module and a name in it.

    Returns:
        The part of the name that is listed ("" when nothing of it is) and its
        reach. A name inside a vendored copy is looked up as the original.

    Example:
        >>> reach_of("urllib.request.urlopen")
        ('urllib.request', <Reach.NETWORK: 1>)
        >>> reach_of("urllib.parse")
        ('', <Reach.NONE: 0>)
        >>> reach_of("pip._vendor.requests.adapters")[0]
        'pip._vendor.requests'
    """
    front, rest = _without_vendor(name)
    while rest:
        reach = _KNOWN.get(rest)
        if reach is not None:
            return front + rest, reach
        rest = rest.rpartition(".")[0]
    return "", Reach.NONE


def _without_vendor(name: str) -> tuple[str, str]:
    """Split a name behind the last vendoring folder in it."""
    parts = name.split(".")
    for place in range(len(parts) - 2, -1, -1):
        if parts[place] in VENDORS:
            return ".".join(parts[: place + 1]) + ".", ".".join(parts[place + 1 :])
    return "", name
