"""Runs a command in this process's network, where there is nothing yet, and hands connections on into it.

Started by ``unshare --net``: ``alone.py SOCKET PORT COMMAND...``. The socket, inherited, listens in the
network that it was made in; what connects to it is connected to ``127.0.0.1:PORT`` of this one.
"""

from __future__ import annotations

import asyncio
import fcntl
import socket
import struct
import sys
from contextlib import suppress

_SIOCSIFFLAGS, _IFF_UP = 0x8914, 0x1  # netdevice(7)


def bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP))


async def _hand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError):
        writer.close()


async def main(listening: int, port: int, command: list[str]) -> int:
    async def hand_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, to = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_hand(reader, to), _hand(there, writer))

    bring_up_loopback()
    process = await asyncio.create_subprocess_exec(*command)
    async with await asyncio.start_server(hand_on, sock=socket.socket(fileno=listening)):
        return await process.wait()


if __name__ == "__main__":
    sys.exit(asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3:])))
