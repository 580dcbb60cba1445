@@BEGIN call
def call(function, *arguments) -> int:
    """Calls a function of the C library, again where a handled signal has ended it."""
    while True:
        result = function(*arguments)
        if result >= 0:
            return result
        reason = ctypes.get_errno()
        if reason != errno.EINTR:
            raise OSError(reason, os.strerror(reason), function.__name__)

@@BEGIN throw_away_old_answers
def throw_away_old_answers(queue: int, mtype: int) -> None:
    """Who had this number before may have gone without reading its answer: it is not for us."""
    try:
        while True:
            receive(queue, mtype, IPC_NOWAIT | MSG_NOERROR)
    except OSError as error:
        if error.errno != errno.ENOMSG:
            raise
