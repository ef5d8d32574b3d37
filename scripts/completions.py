"""Completion scripts for bash, zsh and fish. They hold all they complete: no Tab starts a program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from commandtable import Command, Value

from parallel_agents.agents.registry import AgentRegistry
from parallel_agents.canvas.palette import PALETTES
from parallel_agents.canvas.terms import KINDS, ROLES, STATES

_MODELS = ("offline", "openai:", "anthropic:")
# What completes a value, by the option's or the argument's name; other paths complete as any file.
_FILES = {
    "SOURCE": ("canvas", "jsonl", "md"),
    "--agent": ("md",),
    "--palette": ("yaml", "yml"),
    "NAME": ("md",),
    "PATH": ("md",),
    "PATHS": ("md",),
    "--config": ("yaml", "yml"),
    "CONFIG": ("yaml", "yml"),
}


def script(shell: str, commands: Sequence[Command]) -> str:
    """The completion script of one shell."""
    writers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    return "\n".join(writers[shell](commands)) + "\n"


def _words(value: Value) -> tuple[str, ...]:
    if value.choices:
        return value.choices
    if value.name in {"--agent", "NAME"}:
        return tuple(AgentRegistry().names())
    if value.name == "--select":
        colours = (colour for palette in PALETTES.values() for colour in palette.codes)
        words = (word for word in (*ROLES, *STATES, *(f"{kind}:" for kind in KINDS)) if word.isascii())
        return tuple(dict.fromkeys([*colours, *words]))
    if value.name == "--palette":
        return tuple(PALETTES)
    return _MODELS if value.name == "--model" else ()


def _takes_files(value: Value) -> bool:
    return value.name in _FILES or value.kind == "path"


def _takes(value: Value) -> tuple[str, ...]:
    return tuple(f"*.{ending}" for ending in _FILES.get(value.name, ()))


def _names(command: Command) -> list[str]:
    return [*(name for option in command.options for name in option.names), "--help"]


_BASH = r"""# Completion of parallel-agents for bash.
_parallel_agents_files() {
    local ending path
    compopt -o filenames 2>/dev/null
    while IFS= read -r path; do
        # Hidden ones only to those who ask for them.
        [[ ${path##*/} == .* && ${cur##*/} != .* ]] || COMPREPLY+=("$path")
    done < <(
        compgen -d -- "$cur"
        if (($#)); then
            for ending; do compgen -f -X "!$ending" -- "$cur"; done
        else
            compgen -f -- "$cur"
        fi | sort -u
    )
}

_parallel_agents_words() {
    local word
    for word; do
        [[ $word == "$cur"* ]] && COMPREPLY+=("$word")
    done
    # A name that waits for more, like openai:, gets no space behind it.
    [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *: ]] && compopt -o nospace 2>/dev/null
    return 0
}

_parallel_agents() {
    local cur prev word words=() command="" at
    for ((at = 0; at <= COMP_CWORD; at++)); do
        word=${COMP_WORDS[at]}
        # Bash breaks words at colons and equals signs: openai:NAME is one word, --option=value is two.
        if [[ $word == : || ( ${#words[@]} -gt 0 && ${words[-1]} == ?*: ) ]]; then
            words[-1]+=$word
        elif [[ $word != = || $at -eq $COMP_CWORD ]]; then
            words+=("${word#=}")
        fi
    done
    cur=${words[-1]}
    prev=${words[-2]}
    # As it was typed it still has its quotes and backslashes.
    cur=${cur//\\/}
    cur=${cur#[\"\']}
    COMPREPLY=()
    for ((at = 1; at < ${#words[@]} - 1; at++)); do
        case "$command ${words[at]}" in
"""
_BASH_END = r"""    # Readline replaces only what stands behind the last colon.
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        local kept=${cur%"${cur##*:}"}
        COMPREPLY=("${COMPREPLY[@]#"$kept"}")
        [[ ${#COMPREPLY[@]} -eq 1 && -z ${COMPREPLY[0]} ]] && COMPREPLY=()
    fi
}

complete -F _parallel_agents parallel-agents
"""


def _bash(commands: Sequence[Command]) -> Iterator[str]:
    yield _BASH.rstrip("\n")
    for command in commands[1:]:
        *parents, last = command.words
        yield f'            "{" ".join(parents)} {last}") command="{" ".join(command.words)}" ;;'
    yield "        esac"
    yield "    done"
    yield '    case "$command:$prev" in'
    for command in commands:
        for option in command.options:
            if option.kind != "flag":
                yield f"        {'|'.join(_quoted(command, name) for name in option.names)}) {_bash_value(option)} ;;"
    yield "        *)"
    yield '            case "$command" in'
    for command in commands:
        yield f'                "{" ".join(command.words)}") {_bash_rest(command)} ;;'
    yield "            esac ;;"
    yield "    esac"
    yield _BASH_END.rstrip("\n")


def _quoted(command: Command, name: str) -> str:
    return f'"{" ".join(command.words)}:{name}"'


def _bash_value(value: Value) -> str:
    words = f"_parallel_agents_words {' '.join(_words(value))}" if _words(value) else ""
    files = " ".join(["_parallel_agents_files", *(f"'{pattern}'" for pattern in _takes(value))])
    parts = [words, files if _takes_files(value) else ""]
    return "; ".join(filter(None, parts)) or ":"


def _bash_rest(command: Command) -> str:
    words = [child.words[-1] for child in command.children]
    options = " ".join(_names(command))
    if not command.arguments:
        return f"_parallel_agents_words {' '.join([*words, options])}"
    return f"if [[ $cur == -* ]]; then _parallel_agents_words {options}; else {_bash_value(command.arguments[0])}; fi"


def _zsh(commands: Sequence[Command]) -> Iterator[str]:
    yield "#compdef parallel-agents"
    yield "# Completion of parallel-agents for zsh."
    for command in commands:
        yield ""
        yield f"{_function(command)}() {{"
        yield from _zsh_group(command) if command.children else _zsh_leaf(command)
        yield "}"
    yield ""
    yield "if [[ $funcstack[1] == _parallel-agents ]]; then"
    yield '    _parallel_agents "$@"'
    yield "else"
    yield "    compdef _parallel_agents parallel-agents"
    yield "fi"


def _function(command: Command) -> str:
    return "_".join(["_parallel_agents", *(word.replace("-", "_") for word in command.words)])


def _zsh_group(command: Command) -> Iterator[str]:
    yield "    local context state state_descr line"
    yield "    typeset -A opt_args"
    version = " '--version[show the version]'" if not command.words else ""
    yield f"    _arguments -C '(- *)'{{-h,--help}}'[show help]'{version} '1: :->command' '*::argument:->rest' && return"
    yield "    case $state in"
    yield "        command)"
    yield "            local -a known=("
    for child in command.children:
        yield f"                {_single(f'{child.words[-1]}:{child.help}')}"
    yield "            )"
    yield "            _describe command known ;;"
    yield "        rest)"
    yield "            case $line[1] in"
    for child in command.children:
        yield f"                {child.words[-1]}) {_function(child)} ;;"
    yield "            esac ;;"
    yield "    esac"


def _zsh_leaf(command: Command) -> Iterator[str]:
    yield "    _arguments \\"
    for option in command.options:
        for name in option.names:
            told = f"{'*' if option.many else ''}{name}[{_zsh_text(option.help)}]"
            yield f"        {_single(told if option.kind == 'flag' else f'{told}:value:{_zsh_action(option)}')} \\"
    for number, value in enumerate(command.arguments, 1):
        place = "*" if value.many else str(number)
        yield f"        {_single(f'{place}:{value.name.lower()}:{_zsh_action(value)}')} \\"
    yield "        '(- *)'{-h,--help}'[show help]'"


def _zsh_action(value: Value) -> str:
    words, patterns = _words(value), _takes(value)
    # Not _files: where nothing fits, that falls back to every file there is.
    glob = " ".join([*(f"{pattern}(-.)" for pattern in patterns), "*(-/)"])
    files = f'_path_files -g "{glob}"' if patterns else "_files" if _takes_files(value) else ""
    if not words:
        return files or " "
    # -S "" for those that wait for more: no space is put behind openai:.
    # In an action a colon would end it.
    listed = " ".join(words).replace(":", "\\:")
    add = f'compadd -S "" -- {listed}' if value.name == "--model" else f"compadd -- {listed}"
    return f"{{ {add}; {files} }}" if files else f"{{ {add} }}"


def _zsh_text(text: str) -> str:
    return text.rstrip(".").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:")


def _single(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _fish(commands: Sequence[Command]) -> Iterator[str]:
    yield "# Completion of parallel-agents for fish."
    yield "complete -c parallel-agents -f"
    for command in commands:
        yield from _fish_command(command)


def _fish_command(command: Command) -> Iterator[str]:
    where = f"-n {_single(_fish_condition(command))}"
    for child in command.children:
        yield f"complete -c parallel-agents {where} -a {child.words[-1]} -d {_single(child.help)}"
    for action in dict.fromkeys(map(_fish_action, command.arguments)):
        if action:
            yield f"complete -c parallel-agents {where} {action}"
    for option in command.options:
        names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
        needs = "" if option.kind == "flag" else f" -x {_fish_action(option)}".rstrip()
        yield f"complete -c parallel-agents {where} {names}{needs} -d {_single(option.help)}"
    yield f"complete -c parallel-agents {where} -s h -l help -d 'Show help'"


def _fish_condition(command: Command) -> str:
    seen = [f"__fish_seen_subcommand_from {word}" for word in command.words]
    if command.children:
        seen.append(f"not __fish_seen_subcommand_from {' '.join(child.words[-1] for child in command.children)}")
    return "; and ".join(seen)


def _fish_action(value: Value) -> str:
    words = " ".join(_words(value))
    files = ""
    if value.name in _FILES:
        endings = "|".join(f"\\.{ending}" for ending in _FILES[value.name])
        files = f'(__fish_complete_path (commandline -ct) "" | string match -r "^.*(?:/|{endings})(?=\\s|\\$)")'
    elif _takes_files(value):
        files = "(__fish_complete_path)"
    found = " ".join(filter(None, (words, files)))
    return f"-a {_single(found)}" if found else ""
