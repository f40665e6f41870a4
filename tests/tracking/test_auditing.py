"""`ecg-ccta audit` serves this machine alone, and leaves nobody behind."""

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress

COMMAND = [sys.executable, "-c", "from ecg_ccta.command_line import app; app()", "audit"]


def answers(port: int, address: str = "127.0.0.1") -> bool:
    with suppress(OSError), socket.create_connection((address, port), timeout=2):
        return True
    return False


def test_the_server_listens_on_loopback_and_ends_with_its_command(tmp_path, empty_mlflow_database, free_port):
    (tmp_path / "results").mkdir()
    shutil.copy(empty_mlflow_database, tmp_path / "results/mlflow.db")
    port = free_port()
    environment = {**os.environ, "AUDIT_PORT": str(port)}
    process = subprocess.Popen(COMMAND, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True)
    end = time.monotonic() + 90
    try:
        assert process.stdout.readline() == f"http://127.0.0.1:{port} shows results/mlflow.db; end with Ctrl-C\n"
        while not answers(port):
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.3)
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10) as page:
            assert "<html" in page.read().decode()
        # All of 127.0.0.0/8 is this machine: a server on every interface would answer there too.
        assert not answers(port, "127.0.0.2")
    finally:
        process.terminate()
        process.wait(20)
    assert not answers(port)


def test_a_port_that_is_taken_is_said(tmp_path, empty_mlflow_database):
    (tmp_path / "results").mkdir()
    shutil.copy(empty_mlflow_database, tmp_path / "results/mlflow.db")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = subprocess.run([*COMMAND, "--port", str(port)], cwd=tmp_path, capture_output=True, text=True, timeout=90)
    assert done.returncode == 1
    assert f"is port {port} taken? Give another with --port" in done.stderr
