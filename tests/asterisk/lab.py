"""A small private Asterisk for the tests of the edge: no SIP, only ARI, AMI, FastAGI, queues and Local channels.

Law: own ports, own folders, real Asterisk; ready in about a second; nothing is left behind by `kill`.
The whole stack with SIP belongs to the stack's own fixtures; this one exists so that a test of a client can kill,
misconfigure and cut its Asterisk without disturbing anybody.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
from dataclasses import dataclass
from pathlib import Path

from m3voip.providers.asterisk import control
from tests.support.eventually import eventually

MODULES = (
    "res_timing_timerfd res_stasis res_stasis_answer res_stasis_playback res_stasis_recording res_stasis_snoop "
    "res_stasis_device_state res_http_websocket res_websocket_client res_ari res_ari_model "
    "res_ari_applications res_ari_asterisk res_ari_bridges res_ari_channels res_ari_device_states "
    "res_ari_endpoints res_ari_events res_ari_playbacks res_ari_recordings res_ari_sounds app_stasis "
    "res_speech res_agi app_queue app_dial app_echo app_playback app_mixmonitor app_userevent app_verbose "
    "app_senddtmf app_voicemail app_read app_milliwatt pbx_config func_callerid func_channel func_strings "
    "func_logic func_cdr func_groupcount func_devstate func_uri bridge_simple bridge_softmix bridge_holding "
    "bridge_builtin_features bridge_native_rtp res_musiconhold res_sorcery_memory res_sorcery_config "
    "res_sorcery_astdb res_crypto res_manager_devicestate format_wav format_pcm codec_ulaw codec_alaw codec_resample "
)

DIALPLAN = """
[lab]
exten => _stasis,1,Answer()
 same => n,Stasis(${LAB_APP},inbound)
 same => n,Hangup()
exten => echo,1,Answer()
 same => n,Echo()
exten => quiet,1,Answer()
 same => n,Wait(120)
exten => ring,1,Ringing()
 same => n,Wait(30)
exten => queue,1,Answer()
 same => n,Queue(sales,,,,30)
 same => n,Hangup()
exten => _agi-[a-z].,1,Answer()
 same => n,AGI(agi://${LAB_AGI}/${EXTEN:4},15550199999,15550100100)
 same => n,Wait(60)
"""


def free_port() -> int:
    """A TCP port nobody listens on at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass(slots=True, kw_only=True)
class Lab:
    """One running Asterisk. `home` holds everything it writes."""

    root: Path
    home: Path
    http_port: int
    ami_port: int
    agi_port: int
    user: str = "lab"
    password: str = "lab-password-of-this-test-run"
    app: str = "lab"
    process: asyncio.subprocess.Process | None = None

    @classmethod
    def prepare(cls, root: Path, home: Path) -> Lab:
        """Choose ports and write the configuration; `start` follows."""
        lab = cls(root=root, home=home, http_port=free_port(), ami_port=free_port(), agi_port=free_port())
        for name in ("etc", "run", "lib", "spool/recording", "spool/monitor", "log"):
            (home / name).mkdir(parents=True, exist_ok=True)
        for name, text in lab._files().items():
            (home / "etc" / name).write_text(text)
        return lab

    def _files(self) -> dict[str, str]:
        modules = "".join(f"load => {name}.so\n" for name in MODULES.split())
        return {
            "asterisk.conf": "[directories]\nastetcdir => /etc/asterisk\nastvarlibdir => /var/lib/asterisk\n"
            "astdbdir => /var/lib/asterisk\nastspooldir => /var/spool/asterisk\nastrundir => /run/asterisk\n"
            "astlogdir => /var/log/asterisk\nastdatadir => /usr/share/asterisk\n"
            "[options]\nnocolor = yes\n",
            "modules.conf": f"[modules]\nautoload = no\n{modules}",
            "logger.conf": "[general]\n[logfiles]\nmessages.log => notice,warning,error\n",
            "http.conf": "[general]\nenabled = yes\nbindaddr = 127.0.0.1\n"
            f"bindport = {self.http_port}\nsessionlimit = 200\n",
            "ari.conf": "[general]\nenabled = yes\nwebsocket_write_timeout = 1000\nchannelvars = M3_CALL_ID\n"
            f"[{self.user}]\ntype = user\nread_only = no\npassword = {self.password}\n",
            "manager.conf": f"[general]\nenabled = yes\nbindaddr = 127.0.0.1\nport = {self.ami_port}\n"
            "timestampevents = yes\nchannelvars = M3_CALL_ID\n"
            f"[{self.user}]\nsecret = {self.password}\nread = all\nwrite = all\nwritetimeout = 1000\n",
            "extensions.conf": f"[globals]\nLAB_APP = {self.app}\nLAB_AGI = 127.0.0.1:{self.agi_port}\n{DIALPLAN}",
            "queues.conf": "[general]\n[sales]\nstrategy = rrmemory\ntimeout = 2\nretry = 1\nringinuse = no\n"
            "joinempty = yes\nmember => Local/echo@lab/n,0,101\n",
            "voicemail.conf": "[general]\nformat = wav\n[default]\n",
            "cel.conf": "[general]\nenable = no\n",
            "cdr.conf": "[general]\nenable = no\n",
        }

    @property
    def base_url(self) -> str:
        """Where ARI answers."""
        return f"http://127.0.0.1:{self.http_port}/ari"

    def _bwrap(self, *command: str) -> list[str]:
        binds: list[str] = []
        for own, inside in (
            ("etc", "/etc/asterisk"),
            ("run", "/run/asterisk"),
            ("lib", "/var/lib/asterisk"),
            ("spool", "/var/spool/asterisk"),
            ("log", "/var/log/asterisk"),
        ):
            binds += ["--bind", str(self.home / own), inside]
        return [
            "bwrap", "--ro-bind", str(self.root), "/", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp",
            "--tmpfs", "/run", *binds, *command,
        ]  # fmt: skip

    async def start(self) -> None:
        """Start and wait until Asterisk is fully booted."""
        (self.home / "run").mkdir(exist_ok=True)
        with (self.home / "log/output").open("ab") as output:
            self.process = await asyncio.create_subprocess_exec(
                *self._bwrap("asterisk", "-f"), stdout=output, stderr=output, start_new_session=True
            )
        await eventually(self._booted, within=30, what="Asterisk boots")

    async def _booted(self) -> bool:
        try:
            return await control.is_ready(self.socket, self.pid)
        except FileNotFoundError:
            return False

    async def cli(self, command: str) -> str:
        """What `asterisk -rx` prints."""
        return await control.command(self.socket, command)

    @property
    def socket(self) -> Path:
        """Asterisk's control socket."""
        return self.home / "run/asterisk.ctl"

    @property
    def pid(self) -> int:
        """Asterisk's process id; raises FileNotFoundError while it is not running."""
        return int((self.home / "run/asterisk.pid").read_text())

    async def freeze(self) -> None:
        """SIGSTOP Asterisk: sockets stay open, nothing answers. Returns when its last thread has stopped."""
        os.kill(self.pid, signal.SIGSTOP)
        tasks = Path(f"/proc/{self.pid}/task")

        def stopped() -> bool:
            return all((task / "stat").read_text().rpartition(")")[2].split()[0] == "T" for task in tasks.iterdir())

        await eventually(stopped, every=0.005, what="every thread stops")

    def thaw(self) -> None:
        """Undo `freeze`."""
        os.kill(self.pid, signal.SIGCONT)

    async def kill(self) -> None:
        """SIGKILL Asterisk; `start` starts it again with the same ports."""
        if self.process is not None:
            os.killpg(self.process.pid, signal.SIGKILL)
            await self.process.wait()
            self.process = None
            shutil.rmtree(self.home / "run")
