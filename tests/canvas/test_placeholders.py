from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parallel_agents.canvas.placeholders import has_substance, is_placeholder

EMPTY = [
    "",
    " \n\t\n",
    "[请在此填写你对该问题的个人理解]",
    "[请填写你的理解]",
    "【请填写你的理解】",
    "请在此填写你的理解",
    "在此填写你的个人理解...\n\n💡 提示：从定义开始思考",
    "在此填写你的个人理解……",
    "# 💡 我的理解",
    "# 💡 我的理解\n\n[请填写你的理解]",
    "## 我的理解\n---\n",
    "> [请填写你的理解]",
    "💡 提示：想一想定义",
    "[Write your understanding here]",
    "Please enter your answer here...",
]
FULL = [
    "逆否命题就是原命题的否定。",
    "不懂",
    "# 💡 我的理解\n\n就是反过来说。",
    "填写表格时要先理解题意，再写答案和过程。",
    "[1, 2, 3]",
    "写下我的理解：它们等价。",
    "能不能举个例子？",
    "Write a proof that your answer is right.",
    "在此填写你的个人理解...\n\n其实就是等价。",
]


@pytest.mark.parametrize("text", EMPTY)
def test_what_tools_put_there_counts_as_empty(text: str) -> None:
    assert is_placeholder(text)
    assert not has_substance(text)


@pytest.mark.parametrize("text", FULL)
def test_what_a_user_wrote_does_not(text: str) -> None:
    assert not is_placeholder(text)


def test_a_few_characters_are_no_substance() -> None:
    assert [has_substance(text) for text in ("不懂", "1、2 *", "# 标题很长很长\n好", "逆否命题")] == [
        False,
        False,
        False,
        True,
    ]


@given(st.text(), st.sampled_from([text for text in FULL if not text.startswith("[")]))
def test_a_written_line_is_never_lost_below_another(above: str, text: str) -> None:
    assert not is_placeholder(f"{above}\n\n{text}")
