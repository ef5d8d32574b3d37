# Completion of parallel-agents for bash.
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
            " agents") command="agents" ;;
            "agents check") command="agents check" ;;
            "agents list") command="agents list" ;;
            "agents show") command="agents show" ;;
            " apply") command="apply" ;;
            " cancel") command="cancel" ;;
            " chaos") command="chaos" ;;
            " completion") command="completion" ;;
            " concurrency") command="concurrency" ;;
            " config") command="config" ;;
            "config check") command="config check" ;;
            "config docs") command="config docs" ;;
            "config show") command="config show" ;;
            " errors") command="errors" ;;
            " events") command="events" ;;
            " journal") command="journal" ;;
            "journal check") command="journal check" ;;
            "journal rebuild") command="journal rebuild" ;;
            " pause") command="pause" ;;
            " pipelines") command="pipelines" ;;
            "pipelines check") command="pipelines check" ;;
            "pipelines list") command="pipelines list" ;;
            "pipelines show") command="pipelines show" ;;
            " plan") command="plan" ;;
            " report") command="report" ;;
            " results") command="results" ;;
            " resume") command="resume" ;;
            " retry") command="retry" ;;
            " review") command="review" ;;
            " run") command="run" ;;
            " show") command="show" ;;
            " simulate-provider") command="simulate-provider" ;;
            " status") command="status" ;;
            " undo") command="undo" ;;
        esac
    done
    case "$command:$prev" in
        "apply:--only") : ;;
        "apply:--palette") _parallel_agents_words jsoncanvas project-v1 project-v2; _parallel_agents_files '*.yaml' '*.yml' ;;
        "apply:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "apply:--journal") _parallel_agents_files ;;
        "cancel:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "cancel:--journal") _parallel_agents_files ;;
        "chaos:--tasks") : ;;
        "chaos:--kills") : ;;
        "chaos:--engine-kills") : ;;
        "chaos:--seed") : ;;
        "chaos:--max-concurrent") : ;;
        "concurrency:--agent") _parallel_agents_words basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _parallel_agents_files '*.md' ;;
        "concurrency:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "concurrency:--journal") _parallel_agents_files ;;
        "config docs:--language") _parallel_agents_words en zh ;;
        "config docs:--output") _parallel_agents_files ;;
        "errors:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "errors:--journal") _parallel_agents_files ;;
        "events:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "events:--journal") _parallel_agents_files ;;
        "journal rebuild:--output") _parallel_agents_files ;;
        "pause:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "pause:--journal") _parallel_agents_files ;;
        "plan:--agent") _parallel_agents_words basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _parallel_agents_files '*.md' ;;
        "plan:--pipeline") : ;;
        "plan:--model") _parallel_agents_words offline openai: anthropic: ;;
        "plan:--nodes") : ;;
        "plan:--select") _parallel_agents_words red orange yellow green cyan blue purple grey material question understanding explanation filled unanswered unscored changed-since-last-run group: subtree: text: ;;
        "plan:--palette") _parallel_agents_words jsoncanvas project-v1 project-v2; _parallel_agents_files '*.yaml' '*.yml' ;;
        "plan:--max-concurrent") : ;;
        "plan:--pilot") : ;;
        "plan:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "plan:--journal") _parallel_agents_files ;;
        "report:--output"|"report:-o") _parallel_agents_files ;;
        "report:--palette") _parallel_agents_words jsoncanvas project-v1 project-v2; _parallel_agents_files '*.yaml' '*.yml' ;;
        "report:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "report:--journal") _parallel_agents_files ;;
        "results:--format") _parallel_agents_words json jsonl csv ;;
        "results:--aggregate") _parallel_agents_words merge preserve_individual ;;
        "results:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "results:--journal") _parallel_agents_files ;;
        "results:--output") _parallel_agents_files ;;
        "resume:--budget-usd") : ;;
        "resume:--budget-tokens") : ;;
        "resume:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "resume:--journal") _parallel_agents_files ;;
        "resume:--output") _parallel_agents_files ;;
        "resume:--format") _parallel_agents_words json jsonl csv ;;
        "resume:--aggregate") _parallel_agents_words merge preserve_individual ;;
        "retry:--task") : ;;
        "retry:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "retry:--journal") _parallel_agents_files ;;
        "retry:--output") _parallel_agents_files ;;
        "retry:--format") _parallel_agents_words json jsonl csv ;;
        "retry:--aggregate") _parallel_agents_words merge preserve_individual ;;
        "review:--only") : ;;
        "review:--palette") _parallel_agents_words jsoncanvas project-v1 project-v2; _parallel_agents_files '*.yaml' '*.yml' ;;
        "review:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "review:--journal") _parallel_agents_files ;;
        "run:--agent") _parallel_agents_words basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _parallel_agents_files '*.md' ;;
        "run:--pipeline") : ;;
        "run:--model") _parallel_agents_words offline openai: anthropic: ;;
        "run:--nodes") : ;;
        "run:--select") _parallel_agents_words red orange yellow green cyan blue purple grey material question understanding explanation filled unanswered unscored changed-since-last-run group: subtree: text: ;;
        "run:--palette") _parallel_agents_words jsoncanvas project-v1 project-v2; _parallel_agents_files '*.yaml' '*.yml' ;;
        "run:--max-concurrent") : ;;
        "run:--budget-usd") : ;;
        "run:--budget-tokens") : ;;
        "run:--idempotency-key") : ;;
        "run:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "run:--journal") _parallel_agents_files ;;
        "run:--output") _parallel_agents_files ;;
        "run:--format") _parallel_agents_words json jsonl csv ;;
        "run:--aggregate") _parallel_agents_words merge preserve_individual ;;
        "show:--output"|"show:-o") _parallel_agents_files ;;
        "show:--palette") _parallel_agents_words jsoncanvas project-v1 project-v2; _parallel_agents_files '*.yaml' '*.yml' ;;
        "simulate-provider:--host") : ;;
        "simulate-provider:--port") : ;;
        "simulate-provider:--seed") : ;;
        "simulate-provider:--latency") : ;;
        "simulate-provider:--jitter") : ;;
        "simulate-provider:--latency-p95") : ;;
        "simulate-provider:--output-tokens-per-second") : ;;
        "simulate-provider:--slow-from") : ;;
        "simulate-provider:--rpm") : ;;
        "simulate-provider:--burst") : ;;
        "simulate-provider:--tpm") : ;;
        "simulate-provider:--input-tpm") : ;;
        "simulate-provider:--output-tpm") : ;;
        "simulate-provider:--burst-tokens") : ;;
        "simulate-provider:--max-at-once") : ;;
        "simulate-provider:--when-full") _parallel_agents_words refuse queue ;;
        "simulate-provider:--retry-after") _parallel_agents_words seconds ms date none ;;
        "simulate-provider:--wave-every") : ;;
        "simulate-provider:--wave-length") : ;;
        "simulate-provider:--wave-pause") : ;;
        "simulate-provider:--quota-after") : ;;
        "simulate-provider:--quota-returns") : ;;
        "simulate-provider:--limited-model") : ;;
        "simulate-provider:--fail-rate") : ;;
        "simulate-provider:--rate-limit-rate") : ;;
        "simulate-provider:--hang-rate") : ;;
        "simulate-provider:--cut-rate") : ;;
        "simulate-provider:--unreadable-rate") : ;;
        "simulate-provider:--malformed-rate") : ;;
        "simulate-provider:--token-rule") _parallel_agents_words characters bytes ;;
        "simulate-provider:--input-usd-per-million") : ;;
        "simulate-provider:--output-usd-per-million") : ;;
        "simulate-provider:--cached-input-usd-per-million") : ;;
        "simulate-provider:--cache-write-usd-per-million") : ;;
        "simulate-provider:--cache-min-tokens") : ;;
        "simulate-provider:--cache-ttl") : ;;
        "status:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "status:--journal") _parallel_agents_files ;;
        "undo:--config") _parallel_agents_files '*.yaml' '*.yml' ;;
        "undo:--journal") _parallel_agents_files ;;
        *)
            case "$command" in
                "") _parallel_agents_words agents apply cancel chaos completion concurrency config errors events journal pause pipelines plan report results resume retry review run show simulate-provider status undo --help ;;
                "agents") _parallel_agents_words check list show --help ;;
                "agents check") if [[ $cur == -* ]]; then _parallel_agents_words --help; else _parallel_agents_files '*.md'; fi ;;
                "agents list") _parallel_agents_words --json --help ;;
                "agents show") if [[ $cur == -* ]]; then _parallel_agents_words --json --help; else _parallel_agents_words basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _parallel_agents_files '*.md'; fi ;;
                "apply") if [[ $cur == -* ]]; then _parallel_agents_words --only --recolour --palette --config --journal --json --help; else :; fi ;;
                "cancel") if [[ $cur == -* ]]; then _parallel_agents_words --config --journal --help; else :; fi ;;
                "chaos") _parallel_agents_words --tasks --kills --engine-kills --seed --max-concurrent --json --keep --help ;;
                "completion") if [[ $cur == -* ]]; then _parallel_agents_words --help; else _parallel_agents_words bash zsh fish; fi ;;
                "concurrency") if [[ $cur == -* ]]; then _parallel_agents_words --agent --config --journal --help; else :; fi ;;
                "config") _parallel_agents_words check docs show --help ;;
                "config check") if [[ $cur == -* ]]; then _parallel_agents_words --help; else _parallel_agents_files '*.yaml' '*.yml'; fi ;;
                "config docs") _parallel_agents_words --language --output --help ;;
                "config show") if [[ $cur == -* ]]; then _parallel_agents_words --origin --help; else _parallel_agents_files '*.yaml' '*.yml'; fi ;;
                "errors") if [[ $cur == -* ]]; then _parallel_agents_words --config --journal --json --help; else :; fi ;;
                "events") if [[ $cur == -* ]]; then _parallel_agents_words --follow --config --journal --help; else :; fi ;;
                "journal") _parallel_agents_words check rebuild --help ;;
                "journal check") if [[ $cur == -* ]]; then _parallel_agents_words --json --help; else _parallel_agents_files '*.md'; fi ;;
                "journal rebuild") if [[ $cur == -* ]]; then _parallel_agents_words --output --json --help; else _parallel_agents_files '*.md'; fi ;;
                "pause") if [[ $cur == -* ]]; then _parallel_agents_words --config --journal --help; else :; fi ;;
                "pipelines") _parallel_agents_words check list show --help ;;
                "pipelines check") if [[ $cur == -* ]]; then _parallel_agents_words --help; else _parallel_agents_files '*.md'; fi ;;
                "pipelines list") _parallel_agents_words --json --help ;;
                "pipelines show") if [[ $cur == -* ]]; then _parallel_agents_words --json --help; else _parallel_agents_words basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _parallel_agents_files '*.md'; fi ;;
                "plan") if [[ $cur == -* ]]; then _parallel_agents_words --agent --pipeline --model --nodes --select --palette --notes --skip-unreadable --max-concurrent --pilot --config --journal --json --help; else _parallel_agents_files '*.canvas' '*.jsonl' '*.md'; fi ;;
                "report") if [[ $cur == -* ]]; then _parallel_agents_words --output -o --html --palette --config --journal --json --help; else :; fi ;;
                "results") if [[ $cur == -* ]]; then _parallel_agents_words --format --aggregate --config --journal --output --help; else :; fi ;;
                "resume") if [[ $cur == -* ]]; then _parallel_agents_words --budget-usd --budget-tokens --wait --config --journal --output --format --aggregate --json --quiet -q --help; else :; fi ;;
                "retry") if [[ $cur == -* ]]; then _parallel_agents_words --task --failed --wait --config --journal --output --format --aggregate --json --quiet -q --help; else :; fi ;;
                "review") if [[ $cur == -* ]]; then _parallel_agents_words --only --recolour --palette --config --journal --json --help; else :; fi ;;
                "run") if [[ $cur == -* ]]; then _parallel_agents_words --agent --pipeline --model --nodes --select --palette --notes --skip-unreadable --apply --recolour --max-concurrent --yes --budget-usd --budget-tokens --fresh --idempotency-key --wait --config --journal --output --format --aggregate --json --quiet -q --help; else _parallel_agents_files '*.canvas' '*.jsonl' '*.md'; fi ;;
                "show") if [[ $cur == -* ]]; then _parallel_agents_words --output -o --palette --json --help; else _parallel_agents_files; fi ;;
                "simulate-provider") _parallel_agents_words --host --port --seed --latency --jitter --latency-p95 --output-tokens-per-second --slow-from --rpm --burst --tpm --input-tpm --output-tpm --burst-tokens --max-at-once --when-full --retry-after --wave-every --wave-length --wave-pause --quota-after --quota-returns --limited-model --fail-rate --rate-limit-rate --hang-rate --cut-rate --unreadable-rate --malformed-rate --token-rule --input-usd-per-million --output-usd-per-million --cached-input-usd-per-million --cache-write-usd-per-million --cache-min-tokens --cache-ttl --help ;;
                "status") if [[ $cur == -* ]]; then _parallel_agents_words --config --journal --json --help; else :; fi ;;
                "undo") if [[ $cur == -* ]]; then _parallel_agents_words --config --journal --json --help; else :; fi ;;
            esac ;;
    esac
    # Readline replaces only what stands behind the last colon.
    if [[ $cur == *:* && $COMP_WORDBREAKS == *:* ]]; then
        local kept=${cur%"${cur##*:}"}
        COMPREPLY=("${COMPREPLY[@]#"$kept"}")
        [[ ${#COMPREPLY[@]} -eq 1 && -z ${COMPREPLY[0]} ]] && COMPREPLY=()
    fi
}

complete -F _parallel_agents parallel-agents
