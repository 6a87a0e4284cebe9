"""A local stand-in for model providers: their wire protocols, latencies and failures, repeatable by seed."""

from dataplane.provider.sandbox.clock import LoopClock, ManualClock
from dataplane.provider.sandbox.config import SandboxConfig, Settings, from_document, load
from dataplane.provider.sandbox.fault import Fault, FaultKind
from dataplane.provider.sandbox.profile import ModelProfile, UnknownModels
from dataplane.provider.sandbox.server import SandboxServer, serve

__all__ = [
    "Fault",
    "FaultKind",
    "LoopClock",
    "ManualClock",
    "ModelProfile",
    "SandboxConfig",
    "SandboxServer",
    "Settings",
    "UnknownModels",
    "from_document",
    "load",
    "serve",
]
