"""Speak by espeak-ng's library, whose events say when each phone begins, which its program does not print.

A process of its own for each text: `espeak_process.py <voice> <words a minute>` reads UTF-8 text from stdin and
writes a line of JSON ({"rate": samples a second, "phones": [[name, seconds], ...]}) and 16-bit samples to stdout. Exit
code 3: there is no library, 4: no such voice. Standard library alone, so that it starts at once.
"""

import ctypes
import ctypes.util
import json
import sys

NO_LIBRARY, NO_VOICE = 3, 4
# espeak-ng/speak_lib.h
_SYNCHRONOUS, _PHONEME_EVENTS_IN_IPA, _DONT_EXIT = 2, 3, 0x8000
_UTF8, _CHARACTERS, _RATE = 1, 1, 1
_END_OF_LIST, _PHONEME = 0, 7


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    ]


_CALLBACK = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


def main(voice: str, words_a_minute: int) -> int:
    name = ctypes.util.find_library("espeak-ng")
    if name is None:
        return NO_LIBRARY
    library = ctypes.CDLL(name)
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, None, _PHONEME_EVENTS_IN_IPA | _DONT_EXIT)
    if rate <= 0:
        return NO_LIBRARY
    if library.espeak_SetVoiceByName(voice.encode()):
        return NO_VOICE
    pieces: list[bytes] = []
    phones: list[tuple[str, float]] = []

    @_CALLBACK
    def receive(samples, count, events):
        if count > 0:
            pieces.append(ctypes.string_at(samples, 2 * count))
        k = 0
        while events[k].type != _END_OF_LIST:
            if events[k].type == _PHONEME:
                phones.append((events[k].string.decode(errors="replace"), events[k].audio_position / 1000))
            k += 1
        return 0

    library.espeak_SetParameter(_RATE, words_a_minute, 0)
    library.espeak_SetSynthCallback(receive)
    text = sys.stdin.buffer.read().replace(b"\0", b" ") + b"\0"
    library.espeak_Synth(text, ctypes.c_size_t(len(text)), 0, _CHARACTERS, 0, _UTF8, None, None)
    sys.stdout.buffer.write(json.dumps({"rate": rate, "phones": phones}).encode() + b"\n" + b"".join(pieces))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
