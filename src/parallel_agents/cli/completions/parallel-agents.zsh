#compdef parallel-agents
# Completion of parallel-agents for zsh.

_parallel_agents() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -C '(- *)'{-h,--help}'[show help]' '--version[show the version]' '1: :->command' '*::argument:->rest' && return
    case $state in
        command)
            local -a known=(
                'agents:Show and check agents.'
                'apply:Put the results of an execution on their canvases, as nodes, edges and notes; what is there is left alone.'
                'cancel:Cancel an execution, whichever process runs it. Finished results are kept.'
                'chaos:Kill workers and engine at random during a batch on a simulated provider, and prove that nothing was lost.'
                'completion:Print the completions of a shell, for its start-up file.'
                'concurrency:Change how many tasks of an execution run at once, whichever process runs it.'
                'config:Show, check and explain the configuration.'
                'errors:Show what went wrong in an execution: by class and by agent, how often, and what to do about it.'
                'events:Print what happened to the tasks of an execution, one JSON object a line.'
                'journal:Check a journal, and save what can be read of a damaged one.'
                'pause:Pause an execution, whichever process runs it: what runs goes on to its end, nothing more starts.'
                'pipelines:Show and check pipelines.'
                'plan:Show what a run would do, need and cost. Without a pilot nothing is called and nothing is kept.'
                'report:Tell what to study next: scores with the weakest first, open questions, explanations, failures.'
                'results:Print the results of an execution, or write them to a file: the document, lines, a table, or totals.'
                'resume:Go on with an execution that was interrupted; without an id, with the newest one.'
                'retry:Try the failed, skipped and cancelled tasks of an execution again.'
                'review:Show what apply would put on the canvases of an execution. Nothing is written.'
                'run:Run agents or a pipeline on a canvas, a folder of canvases or notes, or the tasks of a .jsonl file.'
                'show:Show what is on a canvas: nodes, colours, groups, open questions; or draw it as a picture.'
                'simulate-provider:Serve a simulated OpenAI and Anthropic provider on real HTTP, for tests. It is no language model.'
                'status:Show one execution, or all of them.'
                'undo:Take off the canvases what apply put there, except what was changed since. Notes leave the vault for a folder.'
            )
            _describe command known ;;
        rest)
            case $line[1] in
                agents) _parallel_agents_agents ;;
                apply) _parallel_agents_apply ;;
                cancel) _parallel_agents_cancel ;;
                chaos) _parallel_agents_chaos ;;
                completion) _parallel_agents_completion ;;
                concurrency) _parallel_agents_concurrency ;;
                config) _parallel_agents_config ;;
                errors) _parallel_agents_errors ;;
                events) _parallel_agents_events ;;
                journal) _parallel_agents_journal ;;
                pause) _parallel_agents_pause ;;
                pipelines) _parallel_agents_pipelines ;;
                plan) _parallel_agents_plan ;;
                report) _parallel_agents_report ;;
                results) _parallel_agents_results ;;
                resume) _parallel_agents_resume ;;
                retry) _parallel_agents_retry ;;
                review) _parallel_agents_review ;;
                run) _parallel_agents_run ;;
                show) _parallel_agents_show ;;
                simulate-provider) _parallel_agents_simulate_provider ;;
                status) _parallel_agents_status ;;
                undo) _parallel_agents_undo ;;
            esac ;;
    esac
}

_parallel_agents_agents() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -C '(- *)'{-h,--help}'[show help]' '1: :->command' '*::argument:->rest' && return
    case $state in
        command)
            local -a known=(
                'check:Check agent files.'
                'list:List the agents that ship.'
                'show:Show one agent: its input, limits and prompt.'
            )
            _describe command known ;;
        rest)
            case $line[1] in
                check) _parallel_agents_agents_check ;;
                list) _parallel_agents_agents_list ;;
                show) _parallel_agents_agents_show ;;
            esac ;;
    esac
}

_parallel_agents_agents_check() {
    _arguments \
        '1:path:_path_files -g "*.md(-.) *(-/)"' \
        '*:paths:_path_files -g "*.md(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_agents_list() {
    _arguments \
        '--json[Print JSON and nothing else]' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_agents_show() {
    _arguments \
        '--json[Print JSON and nothing else]' \
        '1:name:{ compadd -- basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _path_files -g "*.md(-.) *(-/)" }' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_apply() {
    _arguments \
        '*--only[Id of a task or of a node that it was about; may be given several times]:value: ' \
        '--recolour[Give questions the colour of their score; otherwise no colour changes]' \
        '--palette[What the colours mean\: jsoncanvas, project-v1, project-v2, or a YAML file of your own]:value:{ compadd -- jsoncanvas project-v1 project-v2; _path_files -g "*.yaml(-.) *.yml(-.) *(-/)" }' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--json[Print JSON and nothing else]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_cancel() {
    _arguments \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_chaos() {
    _arguments \
        '--tasks[How many tasks the batch has]:value: ' \
        '--kills[How many times a worker is killed]:value: ' \
        '--engine-kills[How many times the engine is killed]:value: ' \
        '--seed[What every choice is drawn from]:value: ' \
        '--max-concurrent[How many tasks run at once]:value: ' \
        '--json[Print the JSON document and nothing else]' \
        '--keep[Keep the folder with the journal, results and log]' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_completion() {
    _arguments \
        '1:shell:{ compadd -- bash zsh fish }' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_concurrency() {
    _arguments \
        '--agent[Change it for this agent alone]:value:{ compadd -- basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _path_files -g "*.md(-.) *(-/)" }' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '1:execution_id: ' \
        '2:number: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_config() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -C '(- *)'{-h,--help}'[show help]' '1: :->command' '*::argument:->rest' && return
    case $state in
        command)
            local -a known=(
                'check:Read the configuration as a run would, and say what is wrong or odd.'
                'docs:Print a page that explains every key of the configuration, in Markdown.'
                'show:Print the configuration in force as JSON: defaults, file and environment together.'
            )
            _describe command known ;;
        rest)
            case $line[1] in
                check) _parallel_agents_config_check ;;
                docs) _parallel_agents_config_docs ;;
                show) _parallel_agents_config_show ;;
            esac ;;
    esac
}

_parallel_agents_config_check() {
    _arguments \
        '1:config:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_config_docs() {
    _arguments \
        '--language[en or zh; by default the language of the messages]:value:{ compadd -- en zh }' \
        '--output[Write the page to a file that does not exist yet, instead of printing it]:value:_files' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_config_show() {
    _arguments \
        '--origin[Say of every key where its value comes from]' \
        '1:config:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_errors() {
    _arguments \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--json[Print the JSON document and nothing else]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_events() {
    _arguments \
        '--follow[Go on until the execution has ended or nobody runs it]' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_journal() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -C '(- *)'{-h,--help}'[show help]' '1: :->command' '*::argument:->rest' && return
    case $state in
        command)
            local -a known=(
                'check:Look a journal over from end to end. It is left as it is.'
                'rebuild:Write what can be read of a damaged journal into a new one. The old one is left as it is.'
            )
            _describe command known ;;
        rest)
            case $line[1] in
                check) _parallel_agents_journal_check ;;
                rebuild) _parallel_agents_journal_rebuild ;;
            esac ;;
    esac
}

_parallel_agents_journal_check() {
    _arguments \
        '--json[Print JSON and nothing else]' \
        '1:path:_path_files -g "*.md(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_journal_rebuild() {
    _arguments \
        '--output[The new journal; an existing file is never replaced]:value:_files' \
        '--json[Print JSON and nothing else]' \
        '1:path:_path_files -g "*.md(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_pause() {
    _arguments \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_pipelines() {
    local context state state_descr line
    typeset -A opt_args
    _arguments -C '(- *)'{-h,--help}'[show help]' '1: :->command' '*::argument:->rest' && return
    case $state in
        command)
            local -a known=(
                'check:Check pipeline files, and that their agents are there.'
                'list:List the pipelines that ship.'
                'show:Show one pipeline: its steps, what they follow from, and when they run.'
            )
            _describe command known ;;
        rest)
            case $line[1] in
                check) _parallel_agents_pipelines_check ;;
                list) _parallel_agents_pipelines_list ;;
                show) _parallel_agents_pipelines_show ;;
            esac ;;
    esac
}

_parallel_agents_pipelines_check() {
    _arguments \
        '1:path:_path_files -g "*.md(-.) *(-/)"' \
        '*:paths:_path_files -g "*.md(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_pipelines_list() {
    _arguments \
        '--json[Print JSON and nothing else]' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_pipelines_show() {
    _arguments \
        '--json[Print JSON and nothing else]' \
        '1:name:{ compadd -- basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _path_files -g "*.md(-.) *(-/)" }' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_plan() {
    _arguments \
        '*--agent[Name of an agent, or path of an agent file; may be given several times]:value:{ compadd -- basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _path_files -g "*.md(-.) *(-/)" }' \
        '--pipeline[Name of a pipeline, or path of a .yaml file\: steps that follow from results]:value: ' \
        '--model[openai\:NAME, anthropic\:NAME or offline]:value:{ compadd -S "" -- offline openai\: anthropic\: }' \
        '--nodes[Ids of canvas nodes, separated by commas; in a folder also CANVAS#ID]:value: ' \
        '--select[Nodes by colour (red, yellow, …), part (question, understanding, …), filled, unanswered, unscored, changed-since-last-run, group\:LABEL, subtree\:NODE or text\:WORDS; with commas, and, or, not, parentheses]:value:{ compadd -- red orange yellow green cyan blue purple grey material question understanding explanation filled unanswered unscored changed-since-last-run group\: subtree\: text\: }' \
        '--palette[What the colours mean\: jsoncanvas, project-v1, project-v2, or a YAML file of your own]:value:{ compadd -- jsoncanvas project-v1 project-v2; _path_files -g "*.yaml(-.) *.yml(-.) *(-/)" }' \
        '--notes[A task for each Markdown note of the folder, instead of its canvases]' \
        '--skip-unreadable[Leave out what cannot be read in the folder instead of refusing all of it]' \
        '--max-concurrent[How many tasks run at once]:value: ' \
        '--pilot[Really run so many of the tasks, and go by what they did]:value: ' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--json[Print the JSON document and nothing else]' \
        '1:source:_path_files -g "*.canvas(-.) *.jsonl(-.) *.md(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_report() {
    _arguments \
        '--output[Write it into this .md or .html; an existing file is never replaced]:value:_files' \
        '-o[Write it into this .md or .html; an existing file is never replaced]:value:_files' \
        '--html[As a page with charts instead of Markdown]' \
        '--palette[What the colours mean\: jsoncanvas, project-v1, project-v2, or a YAML file of your own]:value:{ compadd -- jsoncanvas project-v1 project-v2; _path_files -g "*.yaml(-.) *.yml(-.) *(-/)" }' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--json[Print JSON and nothing else]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_results() {
    _arguments \
        '--format[json, jsonl or csv; by default what the ending of --output says, else json]:value:{ compadd -- json jsonl csv }' \
        '--aggregate[merge\: totals only; preserve_individual\: totals and each result beside them]:value:{ compadd -- merge preserve_individual }' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--output[Where results go; an existing file is never replaced]:value:_files' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_resume() {
    _arguments \
        '--budget-usd[Most US dollars that the execution may cost in all; it pauses before it passes]:value: ' \
        '--budget-tokens[Most tokens, input and output, that it may take in all]:value: ' \
        '--wait[Where the provider takes no calls, wait until it does, and go on]' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--output[Where results go; an existing file is never replaced]:value:_files' \
        '--format[json, jsonl or csv; by default what the ending of --output says, else json]:value:{ compadd -- json jsonl csv }' \
        '--aggregate[merge\: totals only; preserve_individual\: totals and each result beside them]:value:{ compadd -- merge preserve_individual }' \
        '--json[Print the JSON document and nothing else]' \
        '--quiet[No progress\: print only where the results are, and what failed]' \
        '-q[No progress\: print only where the results are, and what failed]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_retry() {
    _arguments \
        '*--task[Id of a task to try again; may be given several times]:value: ' \
        '--failed[Only the tasks that failed]' \
        '--wait[Where the provider takes no calls, wait until it does, and go on]' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--output[Where results go; an existing file is never replaced]:value:_files' \
        '--format[json, jsonl or csv; by default what the ending of --output says, else json]:value:{ compadd -- json jsonl csv }' \
        '--aggregate[merge\: totals only; preserve_individual\: totals and each result beside them]:value:{ compadd -- merge preserve_individual }' \
        '--json[Print the JSON document and nothing else]' \
        '--quiet[No progress\: print only where the results are, and what failed]' \
        '-q[No progress\: print only where the results are, and what failed]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_review() {
    _arguments \
        '*--only[Id of a task or of a node that it was about; may be given several times]:value: ' \
        '--recolour[Give questions the colour of their score; otherwise no colour changes]' \
        '--palette[What the colours mean\: jsoncanvas, project-v1, project-v2, or a YAML file of your own]:value:{ compadd -- jsoncanvas project-v1 project-v2; _path_files -g "*.yaml(-.) *.yml(-.) *(-/)" }' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--json[Print JSON and nothing else]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_run() {
    _arguments \
        '*--agent[Name of an agent, or path of an agent file; may be given several times]:value:{ compadd -- basic-decomposition clarification-path comparison-table deep-decomposition example-teaching four-level-explanation memory-anchor oral-explanation question-decomposition scoring-agent verification-question-agent; _path_files -g "*.md(-.) *(-/)" }' \
        '--pipeline[Name of a pipeline, or path of a .yaml file\: steps that follow from results]:value: ' \
        '--model[openai\:NAME, anthropic\:NAME or offline]:value:{ compadd -S "" -- offline openai\: anthropic\: }' \
        '--nodes[Ids of canvas nodes, separated by commas; in a folder also CANVAS#ID]:value: ' \
        '--select[Nodes by colour (red, yellow, …), part (question, understanding, …), filled, unanswered, unscored, changed-since-last-run, group\:LABEL, subtree\:NODE or text\:WORDS; with commas, and, or, not, parentheses]:value:{ compadd -- red orange yellow green cyan blue purple grey material question understanding explanation filled unanswered unscored changed-since-last-run group\: subtree\: text\: }' \
        '--palette[What the colours mean\: jsoncanvas, project-v1, project-v2, or a YAML file of your own]:value:{ compadd -- jsoncanvas project-v1 project-v2; _path_files -g "*.yaml(-.) *.yml(-.) *(-/)" }' \
        '--notes[A task for each Markdown note of the folder, instead of its canvases]' \
        '--skip-unreadable[Leave out what cannot be read in the folder instead of refusing all of it]' \
        '--apply[Put results on their canvases while they come in; undo takes them off again]' \
        '--recolour[Give questions the colour of their score; otherwise no colour changes]' \
        '--max-concurrent[How many tasks run at once]:value: ' \
        '--yes[Do not ask on a terminal before a run that may cost money]' \
        '--budget-usd[Most US dollars that the execution may cost in all; it pauses before it passes]:value: ' \
        '--budget-tokens[Most tokens, input and output, that it may take in all]:value: ' \
        '--fresh[Ask everything anew, also what was answered before; that costs again]' \
        '--idempotency-key[The same run under the same key is the same execution\: joined, never repeated]:value: ' \
        '--wait[Where the provider takes no calls, wait until it does, and go on]' \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--output[Where results go; an existing file is never replaced]:value:_files' \
        '--format[json, jsonl or csv; by default what the ending of --output says, else json]:value:{ compadd -- json jsonl csv }' \
        '--aggregate[merge\: totals only; preserve_individual\: totals and each result beside them]:value:{ compadd -- merge preserve_individual }' \
        '--json[Print the JSON document and nothing else]' \
        '--quiet[No progress\: print only where the results are, and what failed]' \
        '-q[No progress\: print only where the results are, and what failed]' \
        '1:source:_path_files -g "*.canvas(-.) *.jsonl(-.) *.md(-.) *(-/)"' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_show() {
    _arguments \
        '--output[Draw it into this .svg; an existing file is never replaced]:value:_files' \
        '-o[Draw it into this .svg; an existing file is never replaced]:value:_files' \
        '--palette[What the colours mean\: jsoncanvas, project-v1, project-v2, or a YAML file of your own]:value:{ compadd -- jsoncanvas project-v1 project-v2; _path_files -g "*.yaml(-.) *.yml(-.) *(-/)" }' \
        '--json[Print JSON and nothing else]' \
        '1:canvas:_files' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_simulate_provider() {
    _arguments \
        '--host[Address to listen on]:value: ' \
        '--port[Port to listen on; 0 takes a free one]:value: ' \
        '--seed[What every choice is drawn from]:value: ' \
        '--latency[Seconds before each answer]:value: ' \
        '--jitter[Seconds that the latency varies by, up or down, evenly]:value: ' \
        '--latency-p95[Log-normal latency\: 95 of 100 answers come within these seconds, half within --latency]:value: ' \
        '--output-tokens-per-second[An answer takes longer the longer it is]:value: ' \
        '--slow-from[Beyond this many requests at once, answers take longer in proportion, without a 429]:value: ' \
        '--rpm[Requests a minute, by a token bucket; beyond that a 429 with Retry-After]:value: ' \
        '--burst[Requests that the bucket holds; a minute'\''s worth where not given]:value: ' \
        '--tpm[Tokens a minute in OpenAI'\''s protocol, input and output together]:value: ' \
        '--input-tpm[Input tokens a minute in Anthropic'\''s protocol]:value: ' \
        '--output-tpm[Output tokens a minute in Anthropic'\''s protocol]:value: ' \
        '--burst-tokens[Tokens that such a bucket holds; a minute'\''s worth where not given]:value: ' \
        '--max-at-once[Requests at once]:value: ' \
        '--when-full[What happens to a request beyond --max-at-once\: a 429, or it waits]:value:{ compadd -- refuse queue }' \
        '--retry-after[How a 429 tells the pause\: whole seconds, milliseconds, a date, or not at all]:value:{ compadd -- seconds ms date none }' \
        '--wave-every[Refuse a wave of requests with a 429 after every so many]:value: ' \
        '--wave-length[How many requests a wave refuses]:value: ' \
        '--wave-pause[Seconds that the 429 of a wave or of chance asks for]:value: ' \
        '--quota-after[The quota is gone after so many answers]:value: ' \
        '--quota-returns[Seconds until a quota that is gone comes back; else it does not]:value: ' \
        '--limited-model[Limits and quota are for this model only]:value: ' \
        '--fail-rate[Share of requests that get a 500]:value: ' \
        '--rate-limit-rate[Share of requests that get a 429 by chance]:value: ' \
        '--hang-rate[Share of requests that never get an answer]:value: ' \
        '--cut-rate[Share of requests whose connection is cut when the answer is ready]:value: ' \
        '--unreadable-rate[Share of requests whose answer is no JSON]:value: ' \
        '--malformed-rate[Share of answers that do not fit what was asked for]:value: ' \
        '--token-rule[How tokens are counted\: 1 for 4 characters or a Chinese one, or 1 for every byte of UTF-8]:value:{ compadd -- characters bytes }' \
        '--input-usd-per-million[Price of a million input tokens, in US dollars]:value: ' \
        '--output-usd-per-million[Price of a million output tokens, in US dollars]:value: ' \
        '--cached-input-usd-per-million[Price of a million input tokens read from the prompt cache; else that of input]:value: ' \
        '--cache-write-usd-per-million[Price of a million tokens written to the prompt cache; else that of input]:value: ' \
        '--cache-min-tokens[Tokens that a prefix needs to be kept in the prompt cache]:value: ' \
        '--cache-ttl[Seconds that an unused prefix stays in the prompt cache; 0 switches it off]:value: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_status() {
    _arguments \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--json[Print the JSON document and nothing else]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

_parallel_agents_undo() {
    _arguments \
        '--config[Configuration file]:value:_path_files -g "*.yaml(-.) *.yml(-.) *(-/)"' \
        '--journal[Journal file (or PARALLEL_AGENTS_JOURNAL)]:value:_files' \
        '--json[Print JSON and nothing else]' \
        '1:execution_id: ' \
        '(- *)'{-h,--help}'[show help]'
}

if [[ $funcstack[1] == _parallel-agents ]]; then
    _parallel_agents "$@"
else
    compdef _parallel_agents parallel-agents
fi
