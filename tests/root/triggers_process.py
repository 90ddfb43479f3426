# SPDX-License-Identifier: GPL-3.0-or-later
"""Harmless triggers for the process and self sensors: (technique, what it is,
do(rig), expected kind).  Each acts in the rig's own folder, on processes of
its own, and returns a test of the signal that it must have caused."""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import time

LIBC = ctypes.CDLL(None, use_errno=True)
PTRACE_ATTACH, PTRACE_DETACH, PTRACE_SEIZE, PR_SET_NAME = 16, 17, 0x4206, 15
NOBODY_MUCH, SERVICE = 4711, 33
SH = os.path.realpath("/bin/sh")


def about(path):
    return lambda m: m["object"] == path


def of(pid):
    return lambda m: m.get("process") == str(pid)


def copy(rig, program, name):
    path = os.path.join(rig.work, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    shutil.copy(os.path.realpath(shutil.which(program)), path)
    return path


def run(*args, **kw):
    return subprocess.run(args, check=False, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL, **kw)


def hold(args, seconds=1.0, **kw):
    """A process that lives for a while; its pid."""
    kw.setdefault("stdin", subprocess.DEVNULL)
    p = subprocess.Popen(args, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **kw)
    try:
        p.wait(seconds)
    except subprocess.TimeoutExpired:
        p.kill()
        p.wait()
    return p.pid


def from_tmp(rig):
    path = copy(rig, "true", "volatile")
    run(path)
    return about(path)


def hidden_in_shm(rig):
    top = "/dev/shm/.cordon-%d" % os.getpid()
    os.makedirs(top, exist_ok=True)
    shutil.copy("/bin/sleep", top + "/x")
    hold([top + "/x", "0.3"])
    shutil.rmtree(top)
    return about(top + "/x")


def script_in_tmp(rig):
    path = os.path.join(rig.work, "script.sh")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nsleep 0.2\n")
    os.chmod(path, 0o755)
    hold([path])
    return about(path)


def service_runs_own_file(rig):
    path = copy(rig, "sleep", "upload/tool")
    os.chown(path, SERVICE, SERVICE)
    hold([path, "0.3"], user=SERVICE, group=SERVICE)
    return about(path)


def deleted(rig):
    path = copy(rig, "sleep", "gone")
    fd = os.open(path, os.O_RDONLY)
    os.unlink(path)
    hold(["sleep", "0.3"], executable="/proc/self/fd/%d" % fd, pass_fds=[fd])
    os.close(fd)
    return about(path)


def from_memory(rig):
    name = "cordon-%d-%d" % (os.getpid(), time.monotonic_ns())
    fd = os.memfd_create(name, 0)
    with open("/bin/sleep", "rb") as f:
        os.write(fd, f.read())
    hold(["sleep", "0.3"], executable="/proc/self/fd/%d" % fd, pass_fds=[fd])
    os.close(fd)
    return about("/memfd:" + name)


def blank_behind(rig):
    path = copy(rig, "true", "report.txt ")
    run(path)
    return about(path)


def like_a_picture(rig):
    path = copy(rig, "sleep", "logo.png")
    hold([path, "0.3"])
    return about(path)


def script_with_two_endings(rig):
    """From its own folder: only the kernel knows the whole path."""
    path = os.path.join(rig.work, "invoice.pdf.sh")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nsleep 0.2\n")
    os.chmod(path, 0o755)
    hold(["./invoice.pdf.sh"], cwd=rig.work)
    return about(path)


def kernel_thread(rig):
    return of(hold(["[kworker/3:7]", "0.3"], executable="/bin/sleep"))


def daemon_elsewhere(rig):
    path = copy(rig, "sleep", "bin/sshd")
    hold([path, "0.3"])
    return about(path)


def name_taken_later(rig):
    pid = os.fork()
    if pid == 0:
        LIBC.prctl(PR_SET_NAME, b"kswapd0", 0, 0, 0)
        time.sleep(0.5)
        os._exit(0)
    os.waitpid(pid, 0)
    return of(pid)


def preload(rig):
    return of(hold(["/bin/sleep", "0.3"], env={"LD_PRELOAD": os.path.join(rig.work, "x.so")}))


class Peer:
    """Two ends of a TCP connection on loopback."""

    def __init__(self):
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            s.listen(1)
            self.port = s.getsockname()[1]
            self.near = socket.create_connection(("127.0.0.1", self.port))
            self.far, _ = s.accept()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.near.close()
        self.far.close()


def reverse_shell(rig):
    with Peer() as p:
        return of(hold(["/bin/sh", "-i"], 0.5, stdin=p.near.fileno()))


def reverse_shell_by_pty(rig):
    code = ("import os,pty,socket;s=socket.create_connection(('127.0.0.1',%d));"
            "[os.dup2(s.fileno(),i) for i in range(3)];pty.spawn('/bin/sh')")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        p = subprocess.Popen(["/usr/bin/python3", "-c", code % s.getsockname()[1]],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        conn, _ = s.accept()
        time.sleep(1.0)
        p.kill()
        conn.close()
        p.wait()
    return lambda m: m["object"] == SH and "python" in m.get("relay", "")


def reverse_shell_by_pipe(rig):
    """sh -i < fifo | openssl s_client > fifo, with a port that only listens."""
    fifo = os.path.join(rig.work, "fifo")
    if not os.path.exists(fifo):
        os.mkfifo(fifo)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(1)
        p = subprocess.Popen("sh -i < %s 2>&1 | openssl s_client -quiet -connect 127.0.0.1:%d > %s" %
                             (fifo, s.getsockname()[1], fifo), shell=True, start_new_session=True,
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        conn, _ = s.accept()
        time.sleep(1.5)
        os.killpg(p.pid, signal.SIGKILL)
        p.wait()
        conn.close()
    return lambda m: m["object"] == SH and m.get("relay", "").endswith("openssl")


def service_shell(rig):
    path = copy(rig, "/usr/bin/python3", "nginx")
    hold([path, "-S", "-c", "import os; os.system('sleep 0.2; :')"], 3, user=SERVICE, group=SERVICE,
         env={"PYTHONHOME": "/usr"})
    return about(path)


def traced(rig):
    target = subprocess.Popen(["/bin/sleep", "5"], start_new_session=True)
    pid = os.fork()
    if pid == 0:
        LIBC.ptrace(PTRACE_ATTACH, target.pid, 0, 0)
        time.sleep(0.5)
        LIBC.ptrace(PTRACE_DETACH, target.pid, 0, 0)
        os._exit(0)
    os.waitpid(pid, 0)
    target.kill()
    target.wait()
    return of(target.pid)


def became_root(rig):
    """As a kernel's hole would look: a set-uid program loses its bit before
    anybody could see it."""
    path = copy(rig, "sleep", "exploit")
    os.chmod(path, 0o4755)
    p = subprocess.Popen(["/bin/sh", "-c", "read x; exec %s 2" % path], stdin=subprocess.PIPE,
                         user=NOBODY_MUCH, group=NOBODY_MUCH, extra_groups=[])
    time.sleep(0.5)
    os.kill(rig.pid, signal.SIGSTOP)
    p.stdin.write(b"\n")
    p.stdin.close()
    while os.readlink("/proc/%d/exe" % p.pid) != path:
        time.sleep(0.01)
    os.chmod(path, 0o755)
    os.kill(rig.pid, signal.SIGCONT)
    time.sleep(0.5)
    p.kill()
    p.wait()
    return of(p.pid)


# -- against the agent itself -----------------------------------------------------

def parent_stopped(rig):
    os.kill(rig.process.pid, signal.SIGSTOP)
    time.sleep(3)
    os.kill(rig.process.pid, signal.SIGCONT)
    return lambda m: "pid %d" % rig.process.pid in m["text"]


def sensors_traced(rig):
    pid = os.fork()
    if pid == 0:
        LIBC.ptrace(PTRACE_SEIZE, rig.pid, 0, 0)
        time.sleep(3)
        os._exit(0)
    os.waitpid(pid, 0)
    return lambda m: "pid %d" % rig.pid in m["text"] and m["pid"] == pid


def own_path_covered(rig):
    cover = os.path.join(rig.work, "cover")
    os.makedirs(cover, exist_ok=True)
    subprocess.run(["mount", "--bind", cover, rig.own], check=True)
    time.sleep(3)
    subprocess.run(["umount", "-l", rig.own], check=True)
    return about(rig.own)


def state_written(rig):
    path = os.path.join(os.path.dirname(rig.state), "identity")
    run("/bin/cp", "/bin/true", path)
    return lambda m: m["object"] == path and m["program"].endswith("/cp")


TRIGGERS = [
    ("T1059", "program from /tmp", from_tmp, "process.volatile-exec"),
    ("T1059.004", "script from /tmp", script_in_tmp, "process.volatile-exec"),
    ("T1564.001", "hidden program in /dev/shm", hidden_in_shm, "process.volatile-exec"),
    ("T1505.003", "a service's upload is run", service_runs_own_file, "process.volatile-exec"),
    ("T1070.004", "program whose file is gone", deleted, "process.deleted-exec"),
    ("T1620", "program from memory", from_memory, "process.memory-exec"),
    ("T1036.004", "arguments of a kernel thread", kernel_thread, "process.pretends"),
    ("T1036.005", "a daemon's name elsewhere", daemon_elsewhere, "process.pretends"),
    ("T1036.004", "name of a kernel thread taken later", name_taken_later, "process.pretends"),
    ("T1036.006", "blank behind a name", blank_behind, "process.pretends"),
    ("T1036.008", "program called like a picture", like_a_picture, "process.pretends"),
    ("T1036.007", "script with two endings", script_with_two_endings, "process.pretends"),
    ("T1574.006", "library before all others", preload, "process.preload"),
    ("T1059.004", "shell on a socket", reverse_shell, "process.remote-shell"),
    ("T1059.006", "shell on a terminal fed by Python", reverse_shell_by_pty, "process.remote-shell"),
    ("T1573", "shell behind a pipe to openssl", reverse_shell_by_pipe, "process.remote-shell"),
    ("T1190", "a web server starts a shell", service_shell, "process.service-shell"),
    ("T1055.008", "a process takes hold of another", traced, "process.traced"),
    ("T1068", "root without a set-uid program", became_root, "process.became-root"),
    ("T1562.001", "a process of the agent is stopped", parent_stopped, "agent.frozen"),
    ("T1055.008", "a process of the agent is traced", sensors_traced, "agent.traced"),
    ("T1564.013", "a mount over the agent's path", own_path_covered, "agent.covered"),
    ("T1562.001", "the agent's state is written", state_written, "agent.self-changed"),
]
