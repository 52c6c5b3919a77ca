"""A made-up but plausible workload: permit cases of twelve actions, remarks composed from many phrases.

The same seed gives the same commands. A few dozen cases are in hand at any time, as at a real counter, so
that the acts of one case do not stand side by side in the log.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field

from ledger.facade import Command
from ledger.types import ActId, CaseId, Facts, StationId

ACTIONS = (
    "receive", "request_correction", "supply", "accept", "start_review", "check_on_site",
    "countersign", "note", "decide", "issue", "deliver", "rate",
)  # fmt: skip
ITEM = "990100100001"
"""食品经营许可 in the shipped catalogue: received and decided at the county."""
IN_HAND_COUNT = 48

_FAMILY = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华建国志文玉兰春梅红波辉鹏"
_TOWNS = ("青石", "白沙", "双河", "大坪", "龙泉", "石桥", "新场", "柳林", "清溪", "金竹")
_WHO = ("申请人", "经营者本人", "委托代理人", "法定代表人", "店面负责人", "其配偶", "村级代办员")
_DID = (
    "到场说明情况", "来电询问进度", "补交了材料原件", "当面核对了登记信息", "确认经营场所地址无误",
    "出示了身份证原件", "对流程设计图作了说明", "表示知悉一次性告知内容", "更正了联系电话", "领取了回执",
)  # fmt: skip
_FOUND = (
    "材料齐全，符合法定形式", "平面布局图未标注尺寸，已当面指出", "健康证明有一人到期，需重新体检",
    "租赁合同期限不足一年，已提醒续签", "现场布局与图纸一致", "冷藏设备温度记录完整",
    "从业人员共四名，均已建档", "消毒设施齐备，台账清楚", "排水口未加防鼠网，责令三日内整改",
    "操作间与仓库已隔开", "进货查验记录可追溯",
)  # fmt: skip
_NEXT = (
    "转审核岗继续办理", "约定下周一上门核查", "请申请人五个工作日内补正", "已短信告知下一步安排",
    "报科室负责人复核", "按时限推进，暂无异常", "因网络中断先行离线登记，恢复后补传",
    "影像资料已随卷留存", "等待窗口统一取件",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Matter:
    """What is applied for: an item of the shipped catalogue and which of its materials come when."""

    item: str = ITEM
    applicant_kind: str = "firm"
    at_once: tuple[str, ...] = ("m01", "m02", "m03", "m04")
    later: tuple[str, ...] = ("m05", "m06")


FOOD = Matter()
VILLAGE_BUILDING = Matter(
    item="990101200012", applicant_kind="person", at_once=("m01", "m02"), later=("m03",)
)
"""乡村建设规划许可: received and decided at the township."""
FELLING = Matter(item="990101400014", applicant_kind="person", at_once=("m01", "m02"), later=("m03",))
"""林木采伐许可: received at the village, decided at the county."""


@dataclass(slots=True)
class CaseScript:
    """One case under way.

    Args:
        ordinal: number of the case in the workload, from 0.
    """

    ordinal: int
    step: int = 0
    case_id: CaseId | None = None
    token: str = ""
    last: ActId = ActId(b"")
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """One action to perform: who, what, and the script that it belongs to."""

    actor: str
    command: Command
    script: CaseScript


@dataclass(slots=True)
class Workload:
    """Yields tasks; the caller writes what came of each back into its script.

    Args:
        station: where everything happens.
        seed: of the choices.
        matter: what is applied for.
    """

    station: StationId
    seed: int = 20260101
    matter: Matter = FOOD
    _random: random.Random = field(init=False)
    _cases: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        """Start the choices."""
        self._random = random.Random(self.seed)

    def tasks(self, count: int) -> Iterator[Task]:
        """Yield ``count`` tasks of cases with all twelve actions; the last cases may stay unfinished."""
        hand = [self.new_case() for _ in range(min(IN_HAND_COUNT, count // len(ACTIONS) + 1))]
        for _ in range(count):
            place = self._random.randrange(len(hand))
            script = hand[place]
            yield self.task(script)
            script.step += 1
            if script.step == len(ACTIONS):
                hand[place] = self.new_case()

    def new_case(self) -> CaseScript:
        """Return the script of the next case."""
        self._cases += 1
        return CaseScript(self._cases - 1, name=self._name())

    def task(self, script: CaseScript) -> Task:
        """Return the next action of a case."""
        action = ACTIONS[script.step]
        command = Command(
            action=action,
            station=self.station,
            case=script.case_id,
            facts=self._facts(action, script),
            personal=self._personal(action, script),
        )
        return Task(actor=_ACTORS.get(action, "window"), command=command, script=script)

    def _facts(self, action: str, script: CaseScript) -> Facts:
        made: dict[str, Facts] = {
            "receive": {
                "item": self.matter.item, "applicant_kind": self.matter.applicant_kind,
                "channel": "counter", "materials": list(self.matter.at_once), "originals": ["m02"],
            },
            "request_correction": {
                "missing": list(self.matter.later), "due": "2027-12-17", "told_by": "paper",
            },
            "supply": {"materials": list(self.matter.later)},
            "accept": {"acceptance_no": f"溪山食受〔2026〕{script.ordinal:06d}号"},
            "check_on_site": {"outcome": "pass", "checked_on": "2026-01-05"},
            "countersign": {"target": script.last},
            "note": {"text_code": "progress"},
            "decide": {"result": "grant", "document_no": f"溪山食许〔2026〕{script.ordinal:06d}号"},
            "issue": {"certificate_no": f"JY2990121{script.ordinal:07d}"},
            "deliver": {"method": "counter", "receiver": "applicant", "proof": "signature"},
            "rate": {"level": "satisfied", "token": script.token.encode("ascii"), "channel": "counter"},
        }  # fmt: skip
        return made.get(action, {})

    def _personal(self, action: str, script: CaseScript) -> Facts:
        text = self._remark()
        if action != "receive":
            return {"text": text}
        town = self._random.choice(_TOWNS)
        return {
            "applicant": {
                "name": script.name,
                "id_kind": "other",
                "id_no": f"L{script.ordinal:011d}",
                "phone": f"139{script.ordinal % 100_000_000:08d}",
                "address": f"溪山县{town}镇{self._random.randrange(1, 300)}号",
            },
            "text": text[:40],
        }

    def _remark(self) -> str:
        choice, number = self._random.choice, self._random.randrange
        parts = [
            f"{number(1, 13)}月{number(1, 29)}日{number(8, 18)}时{number(60):02d}分，"
            f"{choice(_TOWNS)}镇{choice(_WHO)}{self._name()}{choice(_DID)}；{choice(_FOUND)}，{choice(_NEXT)}。"
            for _ in range(2 + (number(4) == 0))
        ]
        return "".join(parts)

    def _name(self) -> str:
        choice = self._random.choice
        return choice(_FAMILY) + choice(_GIVEN) + (choice(_GIVEN) if self._random.random() < 0.7 else "")


_ACTORS = {
    "request_correction": "officer",
    "accept": "officer",
    "start_review": "officer",
    "check_on_site": "officer",
    "countersign": "officer 2",
    "decide": "officer",
    "issue": "issuer",
}
