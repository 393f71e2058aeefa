# SPDX-License-Identifier: ISC
# Bash completion for holdfastctl(8).  Client ids are asked of the node, but
# only where one is wanted and only what has been typed so far.

_holdfastctl_clients() {
	local socket=()
	local i

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket) socket=(-s "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	holdfastctl "${socket[@]}" -t 1s clients --filter "$1*" --limit 200 \
	    --columns client_id 2>/dev/null | tail -n +2
}

_holdfastctl() {
	local cur=${COMP_WORDS[COMP_CWORD]}
	local prev=${COMP_WORDS[COMP_CWORD - 1]}
	local general='-s --socket -t --timeout -j --json -h --help -V
	    --version'
	local columns='client_id state slot record address listener
	    established_at idle_ms ping_latency_us messages_in messages_out
	    bytes_in bytes_out queued compressed uuid'
	local command= options= words= i
	local IFS=$' \t\n'

	COMPREPLY=()
	case $prev in
	-s | --socket | --binary)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	-c | --columns)
		compopt -o nospace
		local done=
		[[ $cur == *,* ]] && done=${cur%,*},
		mapfile -t COMPREPLY < <(compgen -P "$done" -W "$columns" \
		    -- "${cur##*,}")
		return
		;;
	--profile)
		mapfile -t COMPREPLY < <(compgen -W 'evacuate gentle' -- "$cur")
		return
		;;
	--code)
		mapfile -t COMPREPLY < <(compgen -W '1000 1001 1008 4002' \
		    -- "$cur")
		return
		;;
	-t | --timeout | --filter | --limit | --offset | --slot | --reason | \
	    --since | --interval | -n | --count | --within)
		return
		;;
	esac

	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		-s | --socket | -t | --timeout) ((i++)) ;;
		-*) ;;
		*)
			command=${COMP_WORDS[i]}
			break
			;;
		esac
	done

	case $command in
	'')
		words='status workers clients where send dispatch kick broadcast reload
		    restart upgrade drain undrain stop log-level config events top version
		    nodes fleet pause resume ack forget'
		;;
	clients) options='--filter --limit --offset --slot --columns' ;;
	kick) options='--code --reason' ;;
	broadcast) options='--node' ;;
	stop) options='--now' ;;
	restart) options='--keepers' ;;
	upgrade) options='--binary --wait --force' ;;
	drain) options='--within --profile --plan --wait --force' ;;
	events) options='-f --follow --since' ;;
	top) options='--interval -n --count' ;;
	log-level) words='debug info notice warn error' ;;
	config)
		if ((i + 1 == COMP_CWORD)); then
			words='show check'
		elif [[ ${COMP_WORDS[i + 1]} == check ]]; then
			compopt -o filenames
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
		fi
		;;
	esac

	if [[ $cur == -* ]]; then
		words="$general $options"
	elif [[ $command == @(where|send|dispatch|kick) ]] &&
	    ((i + 1 == COMP_CWORD)); then
		words=$(_holdfastctl_clients "$cur")
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$cur")
}

complete -F _holdfastctl holdfastctl
