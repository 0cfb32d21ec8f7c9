"""Writes into a guest's memory through QEMU's server for gdb."""
import socket


def packet(connection, text):
    """Sends a command and returns its answer; that the guest stopped is none."""
    connection.sendall(f"${text}#{sum(text.encode()) & 0xff:02x}".encode())
    received = b""
    while True:
        received += connection.recv(4096)
        while b"#" in received:
            answer, received = received.split(b"$", 1)[1].split(b"#", 1)
            connection.sendall(b"+")
            if not answer.startswith(b"T"):
                return answer.decode()


def write_physical(path, address, data):
    """Writes at a physical address while the guest stands still."""
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(60)
    connection.connect(str(path))
    try:
        for command in ("Qqemu.PhyMemMode:1", f"M{address:x},{len(data):x}:{data.hex()}"):
            answer = packet(connection, command)
            if answer != "OK":
                raise RuntimeError(f"{command[:20]}: {answer}")
        packet(connection, "D")
    finally:
        connection.close()
