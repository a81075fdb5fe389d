"""The company of the acceptance tests, and the settings and secrets of its installation."""

from __future__ import annotations

from pathlib import Path

from asterisk_conf.secrets import Secrets
from cti.company import Company, parse_company
from cti.config import Settings
from tests.fakes.asterisk import SECRET

ZHANG = "13812340001"
"""A customer on file."""
KRUGERS = "00493023125106"
"""A switchboard that two customers share."""
STRANGER = "13900001111"
WITHHELD = "anonymous"
PIN = "735194"

MAIN, SALES, HELP, OFFICE, SECRET_MENU, INVOICE = "4000", "4001", "4002", "4003", "4004", "4005"
"""Numbers that callers dial: the menu, two queues at once, office hours, a PIN, an invoice number."""
ORDERS = "4006"
"""A queue whose calls must get an outcome."""
RUSH, NIGHT, ABROAD, DAY = "4017", "4018", "4019", "4020"
"""Queues that callers are taken out of: by length and wait, nobody signed in, to a number outside, at closing time."""

_TEXT = """
people:
  - {login: lina, name: 李娜, staff_number: "8001", extension: "1001", queues: [sales, help], team: north}
  - {login: tom, name: Tom Becker, staff_number: "8002", extension: "1002", queues: [sales], team: north}
  - {login: mei, name: 陈美, staff_number: "8003", extension: "1003", queues: [help]}
  - {login: nora, name: Nora Lind, staff_number: "8005", extension: "1005", queues: [orders, rush]}
  - {login: sofia, name: Sofia Marques, staff_number: "8010", extension: "1010", role: supervisor, team: north}
queues:
  - name: sales
    label: {en: Sales, zh: 销售}
    ring_time: PT15S
    wrap_up_time: PT20S
    announce_every: PT10S
    leave_keys: {"1": {kind: voicemail}, "2": {kind: queue, to: help}}
    dispositions: [order taken, callback, wrong number]
  - name: help
    label: {en: Help, zh: 客服}
    ring_time: PT15S
    wrap_up_time: PT0S
    credit_time: PT10S
    agents_pull: true
    announce_every: PT0S
  - name: orders
    label: {en: Orders, zh: 订单}
    wrap_up_time: PT10S
    requires_disposition: true
    announce_every: PT0S
    dispositions: [order taken, callback]
  - name: rush
    label: {en: Rush, zh: 高峰}
    announce_every: PT0S
    overflow:
      - {when: length, at_least: 2, to: {kind: menu, flow: main}}
      - {when: wait, after: PT30S, to: {kind: queue, queue: help}}
  - name: night
    label: {en: Night, zh: 夜间}
    announce_every: PT0S
    overflow:
      - {when: no_agents, to: {kind: message, text: {en: "Nobody is here. Goodbye.", zh: "现在没有人，再见。"}}}
  - name: abroad
    label: {en: Abroad, zh: 国外}
    announce_every: PT0S
    overflow:
      - {when: wait, after: PT10S, to: {kind: outside, number: "01088"}}
      - {when: wait, after: PT25S, to: {kind: voicemail}}
  - name: day
    label: {en: Day, zh: 白天}
    announce_every: PT0S
    hours: day
    serve_after_close_time: PT30S
    overflow:
      - {when: closed, to: {kind: message, text: {en: "We are closed.", zh: "已下班。"}}}
wrap_up_extensions: 2
reasons:
  - {name: break, label: {en: Break}}
  - {name: lunch, label: {en: Lunch}, is_paid: false, limit_time: PT4M, warn_time: PT1M}
hours:
  - {name: day, open: [mon-sun 00:00-17:01]}
  - {name: office, time_zone: Asia/Shanghai, open: [mon-fri 09:00-16:00]}
default_flow: main
flows:
  - name: main
    start: choose
    nodes:
      - {name: choose, kind: menu, label: Main menu, text: {en: "Sales 1, help 2."},
         keys: {"1": sales, "2": help}, no_match: help}
      - {name: sales, kind: queue, label: Sales, queue: sales}
      - {name: help, kind: queue, label: Help, queue: help}
  - {name: direct, start: wait, nodes: [{name: wait, kind: queue, label: Sales line, queue: sales}]}
  - {name: helpline, start: wait, nodes: [{name: wait, kind: queue, queue: help}]}
  - {name: orders, start: wait, nodes: [{name: wait, kind: queue, queue: orders}]}
  - {name: rush, start: wait, nodes: [{name: wait, kind: queue, queue: rush}]}
  - {name: night, start: wait, nodes: [{name: wait, kind: queue, queue: night}]}
  - {name: abroad, start: wait, nodes: [{name: wait, kind: queue, queue: abroad}]}
  - {name: day, start: wait, nodes: [{name: wait, kind: queue, queue: day}]}
  - name: office
    start: open_now
    nodes:
      - {name: open_now, kind: hours, hours: office, next: wait, closed: goodbye}
      - {name: wait, kind: queue, queue: sales}
      - {name: goodbye, kind: hangup, label: After hours, text: {en: "We are closed."}}
  - name: secret
    start: pin
    nodes:
      - {name: pin, kind: collect, label: Customer PIN, is_sensitive: true, max_digits: 6,
         text: {en: "Your PIN, please."}, next: wait, no_match: wait}
      - {name: wait, kind: queue, queue: sales}
  - name: invoice
    start: number
    nodes:
      - {name: number, kind: collect, label: Invoice number, max_digits: 10,
         text: {en: "Your invoice number, please."}, next: wait, no_match: wait}
      - {name: wait, kind: queue, queue: sales}
  - name: pin_check
    start: pin
    nodes:
      - {name: pin, kind: pin, label: Customer PIN, max_digits: 8, retries: 2,
         text: {en: "Your PIN, please."}, next: done, no_match: sorry, closed: sorry}
      - {name: done, kind: hangup, text: {en: "Thank you."}}
      - {name: sorry, kind: hangup, text: {en: "That was not right."}}
  - name: survey
    start: friendly
    nodes:
      - {name: friendly, kind: collect, label: Friendly, text: {en: "Were we friendly? 1 to 5."},
         next: solved, no_match: thanks, retries: 0}
      - {name: solved, kind: menu, label: Solved, text: {en: "Solved? 1 yes, 2 no."},
         keys: {"1": thanks, "2": thanks}, no_match: thanks, retries: 0}
      - {name: thanks, kind: hangup, text: {en: "Thank you."}}
call_menus:
  - {name: verify_pin, label: {en: Verify PIN, zh: 验证密码}, flow: pin_check}
  - {name: survey, label: {en: Survey, zh: 满意度}, flow: survey, comes_back: false}
pin_tries: 4
numbers:
  - {dnis: "4000", flow: main}
  - {dnis: "4001", flow: direct}
  - {dnis: "4002", flow: helpline}
  - {dnis: "4003", flow: office}
  - {dnis: "4004", flow: secret}
  - {dnis: "4005", flow: invoice}
  - {dnis: "4006", flow: orders}
  - {dnis: "4017", flow: rush}
  - {dnis: "4018", flow: night}
  - {dnis: "4019", flow: abroad}
  - {dnis: "4020", flow: day}
outbound:
  address: 127.0.0.1:5070
  caller_id: "+8657412340000"
  allowed: ["0", "1", "+86"]
  emergency: ["110"]
customers:
  - {name: 张伟, company: 宁波蓝海进出口, numbers: ["+8613812340001"], group: gold, pin: "735194"}
  - {name: Anna Krüger, numbers: ["+493023125106"]}
  - {name: Jonas Krüger, numbers: ["+493023125106"]}
"""

COMPANY: Company = parse_company(_TEXT)
SECRETS = Secrets(
    {
        "ami:ringdesk": SECRET,
        **{f"endpoint:{p.extension}{kind}": "sip" for p in COMPANY.people for kind in ("", "w")},
        **dict.fromkeys(("endpoint:1009", "endpoint:1009w"), "sip"),  # of somebody who joins later
    }
)


def settings_in(home: Path) -> Settings:
    """Settings that name only places below a test's own folder."""
    return Settings(home=home, cache=home / "cache", country="CN", area_code="10")
