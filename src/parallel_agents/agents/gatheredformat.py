"""What a model is told of the form of its answer, where one task is about several nodes."""

from __future__ import annotations

from parallel_agents.agents.questionlists import GUIDANCE_PREFIX
from parallel_agents.agents.spec import Table, Verification


def gathered_format(output: Table | Verification) -> str:
    """The words for the system's text."""
    match output:
        case Table():
            rows = "\n".join(f"| {row} | … | … |" for row in output.rows)
            return (
                "直接输出 Markdown，不要代码围栏。其中恰有一个表格：\n\n"
                f"| {output.corner} | 第一个概念 | 第二个概念 |\n|---|---|---|\n{rows}\n\n"
                "- 表头各列依次是 concepts 中的概念，原样照写，一列一个，不增不减\n"
                "- 以上各行缺一不可，行名照写；可以另加行，行名不重复\n"
                "- 每行的单元格数与表头相同，单元格不留空，里面的竖线写成 \\|"
            )
        case Verification():
            return (
                "只输出一个 JSON 对象，不要代码围栏，不要其他文字：\n"
                '{"questions": [{"source_node_id": "…", "question_text": "…", "question_type": "…",'
                ' "difficulty": "…", "guidance": "…", "rationale": "…"}]}\n'
                "- source_node_id 是 nodes 中某个节点的 id，原样照写；每个节点都要有问题\n"
                f"- 每个 type 为 red 的节点 {_numbers(output.red)} 个问题，"
                f"每个 type 为 purple 的节点 {_numbers(output.purple)} 个问题\n"
                f"- question_type 只能是：{'、'.join(output.types)}\n"
                f"- difficulty 只能是：{'、'.join(output.difficulties)}\n"
                f"- guidance 为空字符串，或以“{GUIDANCE_PREFIX}”开头\n"
                "- rationale 说明为什么问这个问题，不能为空"
            )


def _numbers(numbers: tuple[int, int]) -> str:
    return "–".join(map(str, dict.fromkeys(numbers)))
