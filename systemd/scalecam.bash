# Completion for scalecam in bash. It asks the program itself, so it knows what the installed version knows.

_scalecam() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} path=() each help
    case $before in
    --config | --file | --picture | --output | --ca-file | --client-file | --api-key-file | --link)
        mapfile -t COMPREPLY < <(compgen -f -- "$word")
        return
        ;;
    esac
    for each in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
        [[ $each == [a-z]* ]] && path+=("$each")
    done
    # words after the command that are no command of its own (a file, a number) end the question at the command
    help=$(scalecam "${path[@]:0:2}" --help 2>/dev/null) || help=$(scalecam "${path[@]:0:1}" --help 2>/dev/null) || return
    mapfile -t COMPREPLY < <(compgen -W "$(
        sed -n -e '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' \
            -e 's/^ *\(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p' <<<"$help"
    )" -- "$word")
    [[ ${#COMPREPLY[@]} -gt 0 ]] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

complete -o filenames -F _scalecam scalecam
