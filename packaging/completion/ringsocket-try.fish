# fish completion for ringsocket-try(1): the app, then a written conversation.

complete -c ringsocket-try -l server -x -a '(__fish_complete_command)' -d 'The server to start'
complete -c ringsocket-try -l target -x -d 'What to ask for, without a conversation'
complete -c ringsocket-try -l patience -x -d 'Seconds to wait for what is to come'
complete -c ringsocket-try -l linger -x -d 'Seconds to go on after the last typed line'
complete -c ringsocket-try -s h -l help -d 'Print a summary of the options'
