"""Bar S-06: what an auditor's tool sees of the two TLS doors, SIP over TLS and the browsers' secure WebSocket."""

from __future__ import annotations

import asyncio

import pytest
from sslyze.plugins.certificate_info.implementation import CertificateInfoExtraArgument
from sslyze.plugins.openssl_cipher_suites.implementation import CipherSuitesScanResult
from sslyze.plugins.scan_commands import ScanCommand
from sslyze.scanner.models import (
    AllScanCommandsAttempts,
    ScanCommandsExtraArguments,
    ServerScanRequest,
    ServerScanStatusEnum,
)
from sslyze.scanner.scanner import Scanner
from sslyze.server_setting import ServerNetworkConfiguration, ServerNetworkLocation

from m3voip.stack.certificates import CA_FILE
from m3voip.stack.stack import Stack

pytestmark = pytest.mark.asterisk

OLD = ("ssl_2_0", "ssl_3_0", "tls_1_0", "tls_1_1")
GOOD = {
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
}  # fmt: skip
GOOD_1_3 = {"TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"}
COMMANDS = {
    ScanCommand.CERTIFICATE_INFO, ScanCommand.SSL_2_0_CIPHER_SUITES, ScanCommand.SSL_3_0_CIPHER_SUITES,
    ScanCommand.TLS_1_0_CIPHER_SUITES, ScanCommand.TLS_1_1_CIPHER_SUITES, ScanCommand.TLS_1_2_CIPHER_SUITES,
    ScanCommand.TLS_1_3_CIPHER_SUITES, ScanCommand.HEARTBLEED, ScanCommand.OPENSSL_CCS_INJECTION, ScanCommand.ROBOT,
    ScanCommand.TLS_COMPRESSION, ScanCommand.TLS_FALLBACK_SCSV, ScanCommand.SESSION_RENEGOTIATION,
    ScanCommand.ELLIPTIC_CURVES, ScanCommand.TLS_1_3_EARLY_DATA,
}  # fmt: skip


def look(stack: Stack, port: int) -> AllScanCommandsAttempts:
    """Everything that sslyze finds out about a port."""
    request = ServerScanRequest(
        server_location=ServerNetworkLocation("localhost", port, ip_address=stack.settings.sip_address),
        network_configuration=ServerNetworkConfiguration("localhost", network_timeout=10),
        scan_commands=COMMANDS,
        scan_commands_extra_arguments=ScanCommandsExtraArguments(
            certificate_info=CertificateInfoExtraArgument(custom_ca_file=stack.folders.asterisk_keys / CA_FILE)
        ),
    )
    scanner = Scanner()
    scanner.queue_scans([request])
    [found] = scanner.get_results()
    assert found.scan_status is ServerScanStatusEnum.COMPLETED, found.connectivity_error_trace
    assert found.scan_result is not None
    return found.scan_result


def suites(found: AllScanCommandsAttempts, version: str) -> set[str]:
    """Names of the suites that are accepted with a version."""
    result: CipherSuitesScanResult | None = getattr(found, f"{version}_cipher_suites").result
    assert result is not None, f"{version} could not be tried"
    return {suite.cipher_suite.name for suite in result.accepted_cipher_suites}


# One of the authorities that sslyze brings along has an odd number.
@pytest.mark.filterwarnings("ignore:Parsed a serial number")
@pytest.mark.parametrize("door", ["sip_tls_port", "wss_port"], ids=["sip", "wss"])
async def test_an_auditor_finds_nothing_weak(door: str, asterisk: Stack) -> None:
    found = await asyncio.to_thread(look, asterisk, getattr(asterisk.settings, door))
    assert {version: suites(found, version) for version in OLD} == {version: set[str]() for version in OLD}
    assert suites(found, "tls_1_2")
    assert suites(found, "tls_1_2") <= GOOD
    assert suites(found, "tls_1_3") <= GOOD_1_3
    curves = found.elliptic_curves.result
    assert curves is not None
    assert curves.supported_curves
    assert all(curve.name not in ("secp192r1", "secp160r1", "secp224r1") for curve in curves.supported_curves)
    flaws = {
        "heartbleed": found.heartbleed.result and found.heartbleed.result.is_vulnerable_to_heartbleed,
        "ccs": found.openssl_ccs_injection.result and found.openssl_ccs_injection.result.is_vulnerable_to_ccs_injection,
        "robot": found.robot.result
        and "VULNERABLE" in found.robot.result.robot_result.name.replace("NOT_VULNERABLE", ""),
        "compression": found.tls_compression.result and found.tls_compression.result.supports_compression,
        "early data": found.tls_1_3_early_data.result and found.tls_1_3_early_data.result.supports_early_data,
        "renegotiation by the client": found.session_renegotiation.result
        and found.session_renegotiation.result.is_vulnerable_to_client_renegotiation_dos,
    }
    assert flaws == dict.fromkeys(flaws, False)
    certificates = found.certificate_info.result
    assert certificates is not None
    deployment = certificates.certificate_deployments[0]
    assert deployment.verified_certificate_chain is not None, "a chain to our own authority"
    assert deployment.verified_chain_has_sha1_signature is False
    key = deployment.received_certificate_chain[0].public_key()
    assert getattr(key, "key_size", 0) >= 256
