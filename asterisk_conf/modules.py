"""Which Asterisk modules are loaded: an allow-list, because what isn't loaded can't be attacked.

Debian's package holds over 350 modules and loads all; most advisories of the last years concern
modules that a call centre never uses. ``REQUIRED`` ones stop the start when they fail, since the call
flow can't do without; ``OPTIONAL`` ones differ between Asterisk 20 and 22 or are comfort, and only
those present are named (Asterisk complains about a name without a file).
"""

from __future__ import annotations

from pathlib import Path

from cti.domain.errors import ConfigError

QUICK_RECORDS = "res_cdrel_custom"
"""Writes CDR and CEL rows from a list of fields; older Asterisk evaluates a dialplan expression for each row."""

REQUIRED: dict[str, tuple[str, ...]] = {
    "the dialplan and its functions": (
        "pbx_config", "app_stack", "app_dial", "app_queue", "app_mixmonitor", "app_userevent",
        "app_bridgewait", "app_softhangup", "app_echo", "app_playback", "app_directed_pickup", "app_senddtmf", "app_read",
        "app_channelredirect", "func_callerid", "func_channel", "func_cut", "func_devstate",
        "func_dialplan", "func_global", "func_groupcount", "func_logic", "func_rand", "func_strings", "func_timeout",
    ),
    "AGI and music and sounds": (
        "res_agi", "res_musiconhold", "res_speech", "format_wav", "format_pcm", "format_sln",
        "format_gsm",
    ),
    "bridges for two parties and conferences and hold": (
        "bridge_simple", "bridge_softmix", "bridge_holding", "bridge_native_rtp",
        "bridge_builtin_features", "bridge_builtin_interval_features", "app_bridgeaddchan",
    ),
    "codecs": ("codec_ulaw", "codec_alaw", "codec_a_mu", "codec_g722", "codec_resample"),
    "media": ("res_rtp_asterisk", "res_srtp", "res_crypto", "res_timing_timerfd", "res_mutestream"),
    "SIP": (
        "chan_pjsip", "func_pjsip_aor", "func_pjsip_contact", "func_pjsip_endpoint", "res_pjproject",
        "res_pjsip", "res_pjsip_authenticator_digest", "res_pjsip_caller_id",
        "res_pjsip_dtmf_info", "res_pjsip_empty_info", "res_pjsip_endpoint_identifier_ip",
        "res_pjsip_endpoint_identifier_user", "res_pjsip_header_funcs", "res_pjsip_logger",
        "res_pjsip_nat", "res_pjsip_acl", "res_pjsip_refer", "res_pjsip_notify",
        "res_pjsip_registrar", "res_pjsip_rfc3326", "res_pjsip_sdp_rtp", "res_pjsip_session",
        "res_pjsip_pubsub", "res_pjsip_transport_websocket", "res_http_websocket",
    ),
    "where SIP objects are kept": ("res_sorcery_config", "res_sorcery_memory", "res_sorcery_astdb"),
    "phone states over AMI": ("res_manager_devicestate",),
    "the independent witness: CDR and CEL as files": ("cdr_custom", "cel_custom"),
}  # fmt: skip

OPTIONAL: dict[str, tuple[str, ...]] = {
    "Opus under either of its names": ("codec_opus", "codec_opus_open_source", "res_format_attr_opus"),
    "needed by the CDR and CEL files from 22.8 on": (QUICK_RECORDS,),
    "needed by the CDR file before that": ("func_cdr",),
    "needed by SIP on some builds": ("res_pjsip_outbound_registration",),
    "trunks that must register or answer a challenge": ("res_pjsip_outbound_authenticator_digest",),
    "supervisors listen and whisper and barge in": ("app_chanspy",),
    "failed registrations in the security log": ("res_security_log",),
    "diagnosis on the control socket": ("func_version", "app_verbose"),
}  # fmt: skip


def allow_list(module_dir: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Return the modules to require and those to load, by purpose, as file names.

    Raises:
        ConfigError: this Asterisk lacks a required module; names all that are missing.
    """
    present = {path.name for path in module_dir.glob("*.so")}
    missing = [n for names in REQUIRED.values() for n in names if f"{n}.so" not in present]
    if missing:
        raise ConfigError(
            f"this Asterisk lacks modules that are needed ({', '.join(missing)}): "
            'install its modules package, or set pbx.asterisk = "private"'
        )
    required = {why: tuple(f"{n}.so" for n in names) for why, names in REQUIRED.items()}
    optional = {
        why: tuple(f"{n}.so" for n in names if f"{n}.so" in present)
        for why, names in OPTIONAL.items()
    }
    return required, {why: names for why, names in optional.items() if names}


def has_quick_records(module_dir: Path) -> bool:
    """Whether this Asterisk writes CDR and CEL rows from a list of fields."""
    return (module_dir / f"{QUICK_RECORDS}.so").exists()
