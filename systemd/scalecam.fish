# Completion for scalecam in fish. It asks the program itself, so it knows what the installed version knows.

function __scalecam_words
    set -l path (string match -r '^[a-z].*' -- (commandline -opc)[2..])
    # words after the command that are no command of its own (a file, a number) end the question at the command
    set -l help (scalecam $path[1..2] --help 2>/dev/null; or scalecam $path[1] --help 2>/dev/null)
    printf '%s\n' $help | sed -n -e '/^Commands:/,/^$/s/^  \([a-z][a-z-]*\) .*/\1/p' \
        -e 's/^ *\(-[a-zA-Z], \)\{0,1\}\(--[a-z-]*\).*/\2/p'
end

complete -c scalecam -a '(__scalecam_words)'
