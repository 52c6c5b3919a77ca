"""Which page has a picture in ``docs/screens``, who sees it and with what words; and why others have none."""

from __future__ import annotations

STAGED = (
    ("sign-in", "/sign-in", "", "登录：用自己的密钥", "Signing in with one's own key"),
    ("pin", "/pin", "V001", "短码", "The PIN"),
    ("today", "/", "V001", "今日（村）", "Today, at the village"),
    ("today-township", "/", "T001", "今日（乡镇）", "Today, at the township"),
    ("receive", "/receive?q=gl", "V001", "收件：找事项", "Receiving: the item by its initials"),
    ("receive-form", "/receive/{item}", "V001", "收件：填表", "Receiving: the form"),
    ("slip", "/case/{first}/slip", "V001", "收件凭证（80 毫米）", "The slip, 80 mm"),
    ("slip-a4", "/case/{first}/slip?paper=a4&large=1", "V001", "收件凭证（A4 大字）", "The slip, A4, large"),
    ("case", "/case/{second}", "T001", "一件的页面", "A case"),
    ("action", "/case/{second}/do/decide", "T001", "办一步", "An action"),
    ("return", "/receive/{item}/return", "V001", "当场告知退件", "Papers that go back on the spot"),
    ("cases", "/cases", "T001", "办件清单", "The list of cases"),
    ("find", "/find?q=oyxl", "V001", "到哪了？", "Where is it?"),
    ("day-clear", "/day-clear", "V001", "日清", "The day-clear list"),
    ("safe", "/safe", "V001", "是否保险", "What is safe"),
    ("more", "/more", "T001", "更多", "Everything else"),
    ("board", "/board", "C001", "各站点", "The station board"),
    ("conflicts", "/conflicts", "C001", "冲突与重复", "Conflicts and twins"),
    ("monthly", "/monthly", "C001", "月度统计", "Figures by month"),
    ("phone", "/case/{first}", "phone", "手机上", "On a phone"),
    ("rosters", "/rosters", "V001", "花名册：都有哪些", "Rosters: which there are"),
    ("roster", "/roster/{roster}", "V001", "花名册：逐人打勾或扫码", "A roster: ticked off or scanned"),
    ("roster-sign", "/roster/{roster}/sign", "V001", "花名册：一次确认", "A roster: one confirmation"),
    ("roster-missing", "/roster/{roster}/missing", "V001", "花名册：谁还没来", "Who is missing"),
    ("roster-receipts", "/roster/{signed}/receipts?per=4", "V001", "花名册：一页凭证", "A page of receipts"),
    ("job", "/job/{job}", "V001", "正在办的事和结果", "A long job and what came of it"),
    ("pads", "/pads", "V001", "应急收件本：打印和补录", "Pads: printed, entered"),
    ("pad", "/pads/{first_pad}", "V001", "应急收件本", "An emergency pad"),
    ("document", "/case/{second}/print/{act}", "T001", "文书", "A document"),
    ("platform", "/platform", "T001", "平台补录", "Beside the provincial platform"),
    ("platform-list", "/platform/list", "T001", "平台清单：读入并比对", "The platform's list"),
    ("platform-differences", "/platform/differences", "T001", "两边差异", "Where the two differ"),
    ("orders", "/orders", "T001", "12345 工单", "12345 orders"),
    ("sticks", "/sticks", "C001", "U 盘", "Sticks"),
    ("lights", "/lights", "C001", "红黄灯", "What presses, and why"),
    ("hall", "/hall", "", "大厅屏", "The hall screen"),
    ("people", "/people", "R001", "人员", "People"),
    ("person", "/people/V001", "R001", "一个人：密钥和岗位", "A person: keys and roles"),
    ("enrol", "/enrol", "R001", "登记新人", "Enrolling somebody"),
    ("stations", "/stations", "R001", "站点", "Stations"),
    ("station", "/stations/{station}", "R001", "一个站点：邀请、关闭", "A station: inviting, closing"),
    ("station-new", "/stations/new", "R001", "新增站点", "A new station"),
    ("invite", "/invites/{invite}", "R001", "邀请：码和文件", "An invite: code and file"),
    ("joins", "/joins", "R001", "新站点加入", "Stations that join"),
    ("import", "/import/staff", "R001", "从 Excel 导入", "Lists from Excel"),
    ("calendars", "/calendars", "R001", "工作日历", "The calendars of working days"),
    ("import-look", "/import/staff/{list}", "R001", "先看错在哪里", "What is wrong with a list"),
    ("catalogue", "/catalogue", "R001", "事项目录", "The catalogue of items"),
    ("item", "/catalogue/{item}", "R001", "一个事项", "An item"),
    ("publish", "/publish", "R001", "发布规则", "Publishing rules"),
    ("publish-look", "/publish/{news}", "R001", "发布前看清改了什么", "What a publication would change"),
    ("keep", "/keep", "R001", "自检与备份", "Checks and backups"),
    ("new-keys", "/new-keys", "T003", "忘了口令：发新密钥", "A forgotten passphrase: new keys"),
    ("new-key", "/new-keys/V003", "T003", "当场发新密钥", "A new key on the spot"),
    ("leaver", "/leaver?no=V001", "R001", "离岗交接", "Who leaves hands over"),
    ("rejoin", "/join-again", "V001", "重新加入", "Joining again"),
    ("reopen", "/reopen", "R001", "恢复之后", "After a restore"),
    ("my-key", "/my-key", "", "自己的密钥", "One's own key"),
)
"""Name, path, who sees it, words in both languages."""
FIRST_LATER = ("first-compare", "first-asking", "first-keys", "first-waiting")
"""Pictures of a first day that need something typed before, besides ``FIRST_PAGES``."""
PLAYED = (
    ("step-applicant", "一步一步来：申请人", "Step by step: the applicant"),
    ("step-materials", "一步一步来：材料", "Step by step: the papers"),
    ("step-more", "一步一步来：其他", "Step by step: the rest"),
    ("step-sign", "一步一步来：念一遍再签名", "Step by step: read once more, then signed"),
    ("duplicate", "同一人、同一事项已在办理", "The same matter of the same person was received before"),
    ("refused", "填错了：哪里错、怎么改", "A form that was refused: what is wrong, what to do"),
    ("decline", "待复核签字的，撤回或不予复核", "What waits for a second signature, taken back or refused"),
    ("conflict", "两处同时办理：两边并排", "Two places acted at once: both sides"),
    ("adjudicate", "裁定冲突", "A ruling on a conflict"),
)
"""Pictures of what comes only of what somebody did just before: name, words in both languages."""
DOUBTED = ("clock-doubt", "电脑时间不对：每一页都说", "A clock that cannot be right: every page says so")
"""The picture of a station of which the machine's time is behind what was recorded there."""
FIRST_ROUTES = frozenset(("/first-day",))
"""Routes of this site that ``first-waiting`` shows."""
PRACTICE = (
    ("training", "/training", "演练：十个练习", "Training: ten tasks"),
    ("training-today", "/", "演练：每页都有标明", "Training: every page says so"),
)
"""Of a training ledger."""
FILE, PIECE = "a file that is taken away", "a piece of other pages"
MOVES, PROGRAMS = "leads on to another page", "for programs"
EARLY = "only while what comes down comes down and nobody may sign in"
NOT_PICTURED = {
    "/case/{case}/attachment/{hash}": FILE,
    "/import/{kind}/template": FILE,
    "/invites/{word}/file": FILE,
    "/joins/answer/{word}": FILE,
    "/join-again/request": FILE,
    "/my-key/{name}/request": FILE,
    "/new-keys/{no}/file": FILE,
    "/people/{no}/key-file": FILE,
    "/rosters/template": FILE,
    "/print.css": PIECE,
    "/safe/line": PIECE,
    "/form": PROGRAMS,
    "/events": PROGRAMS,
    "/pads/enter": MOVES,
    "/receive/{item}/draft/step": MOVES,
    "/first-day/job/{job}": EARLY,
}
"""Paths by routes, each with the reason for which nobody sees it as a page of its own."""
