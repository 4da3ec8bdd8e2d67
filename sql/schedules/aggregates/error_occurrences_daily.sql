/*
description: >-
  Error messages of each schedule per UTC day as patterns: what varies from one message to the next is masked, so that
  messages of one kind share a pattern. What tells errors apart stays: codes, signals, versions of protocols, names.
key: [day, pattern, schedule_id]
columns:
  day: UTC calendar day the messages were recorded on.
  pattern: The first 4,000 characters of the message with its variable parts masked, at most 300 characters.
  schedule_id: Schedule.
  error_count: Records with such a message.
  first_seen_at: When the first of them was recorded.
  last_seen_at: When the last of them was recorded.
  sample_message: One of the messages as it was, at most 500 characters; the first one in the order of their characters.
  rules_version: Version of the rules that mask; patterns of two versions do not compare.
checks:
  - expect_column_values_to_be_between: {column: error_count, min_value: 1}
  - expect_column_pair_values_a_to_be_greater_than_b: {column_A: last_seen_at, column_B: first_seen_at, or_equal: true}
*/
-- All engines must find the same, so no pattern has look-around, references to what was found, or \b. Alternatives that
-- begin alike have the longest first, since PostgreSQL takes the longest one and others the first. A test with ~ spans the
-- whole text, since DuckDB wants that. `offset 0` keeps PostgreSQL from working out a column once for each place that
-- names it. Whoever changes a rule raises rules_version at the end.
with
-- Equal messages first, so that each is masked once.
messages as (
    select
        (recorded_at at time zone 'UTC')::date as day,
        schedule_id,
        error_message,
        count(*) as error_count,
        min(recorded_at) as first_seen_at,
        max(recorded_at) as last_seen_at
    from schedules.schedule_events
    where recorded_at >= :start and recorded_at < :end and error_message is not null
    group by 1, 2, 3
),
-- White space becomes one space, any quotes become plain ones: no text then holds the marks « » and ¦ used below.
texts as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at,
        case
            when error_message ~ '(?s).*[«»“”„‘’¦].*' then
                regexp_replace(
                    regexp_replace(
                        regexp_replace(left(error_message, 4000), '[«»“”„¦]', '"', 'g'),
                        '[‘’]', '''', 'g'
                    ),
                    ' *[\t\r\n][ \t\r\n]*|  +', ' ', 'g'
                )
            else regexp_replace(left(error_message, 4000), ' *[\t\r\n][ \t\r\n]*|  +', ' ', 'g')
        end as text
    from messages
    offset 0
),
-- A code loses its quotes, or it would count as a quoted text; here and below a cheap test saves an expensive pattern.
texts_with_codes as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        case
            when (text like '%"%' or text like '%''%')
                and text ~ '.*(?:(?:[Cc]ode|CODE|tatus|rrno|tate)["'']? ?[:=] ?["'']?[0-9A-Z]).*' then
                regexp_replace(
                    text,
                    '["'']([0-9A-Za-z_]*(?:[Cc]ode|CODE|[Ss]tatus|[Ee]rrno|[Ss]ql[Ss]tate'
                    || '|SQLSTATE))["''] ?: ?["'']?([+-]?[0-9A-Z_]{1,40})["'']?'
                    || '|([0-9A-Za-z_]*(?:[Cc]ode|CODE|[Ss]tatus|[Ee]rrno|[Ss]ql[Ss]tate'
                    || '|SQLSTATE)) ?[:=] ?["'']([0-9A-Z_]{1,40})["'']',
                    '\1\3=\2\4', 'g'
                )
            else text
        end as masked
    from texts
    offset 0
),
-- Quoted texts, not apostrophes inside of words; no quote stands before them, or engines would disagree.
unquoted as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        regexp_replace(
            masked,
            '"(?:\\"|[^"])*"|`[^`]*`'
            || '|(^|[^0-9A-Za-z''"`])[bBuUrRN]?''(?:''''|''[0-9A-Za-z]|[^''])*''',
            '\1<text>', 'g'
        ) as masked
    from texts_with_codes
),
-- URLs, e-mail addresses, and the hash of an object or a version behind its @.
without_addresses as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        case
            when text like '%@%' then
                regexp_replace(
                    regexp_replace(
                        regexp_replace(masked, '[A-Za-z][0-9A-Za-z+.-]*://[^ <>"`'',()\[\]{}|]+', '<url>', 'g'),
                        '[0-9A-Za-z_.+%-]+@(?:[0-9A-Za-z-]+\.)+[A-Za-z]{2,}',
                        '<email>', 'g'
                    ),
                    '@(?:[0-9a-f]*[0-9][0-9a-f]*|[a-f]{5,8})($|[^0-9A-Za-z])',
                    '@<n>\1', 'g'
                )
            else regexp_replace(masked, '[A-Za-z][0-9A-Za-z+.-]*://[^ <>"`'',()\[\]{}|]+', '<url>', 'g')
        end as masked
    from unquoted
    offset 0
),
-- MAC and IPv6 addresses before times, which look like parts of them.
without_colons as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        case
            when text like '%::%' or text like '%:%:%:%:%:%' or text like '%-%-%-%-%-%' then
                regexp_replace(
                    regexp_replace(
                        regexp_replace(
                            masked,
                            '[0-9A-Fa-f]{2}(?::[0-9A-Fa-f]{2}){5,}|[0-9A-Fa-f]{2}(?:-[0-9A-Fa-f]{2}){5,}',
                            '<mac>', 'g'
                        ),
                        '\[?[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4}){7}(?:%[0-9A-Za-z_-]+)?\]?',
                        '<ip>', 'g'
                    ),
                    '(^|[^0-9A-Za-z.:\[])\[?(?:[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*::(?:[0-9A-Fa-f]{1,4}'
                    || '(?::[0-9A-Fa-f]{1,4})*(?:\.[0-9]{1,3}){0,3})?'
                    || '|::[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{1,4})*(?:\.[0-9]{1,3}){0,3})(?:%[0-9A-Za-z_-]+)?\]?($'
                    || '|[^0-9A-Za-z])',
                    '\1<ip>\2', 'g'
                )
            else masked
        end as masked
    from without_addresses
    offset 0
),
-- UUIDs with and without hyphens, before random words, which would match them.
without_uuids as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        case
            when text like '%-%-%-%-%' or text ~ '.*(?:[0-9A-Fa-f]{32}).*' then
                regexp_replace(
                    regexp_replace(
                        masked,
                        '(?:urn:uuid:)?[0-9A-Fa-f]{8}-(?:[0-9A-Fa-f]{4}-){3}[0-9A-Fa-f]{12}',
                        '<uuid>', 'g'
                    ),
                    '(^|[^0-9A-Za-z])[0-9A-Fa-f]{32}($|[^0-9A-Za-z])',
                    '\1<uuid>\2', 'g'
                )
            else masked
        end as masked
    from without_colons
    offset 0
),
-- Times of day, then dates with and without one.
without_times as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        case
            when text ~ (
                    '.*(?:[0-9]:[0-9]{2}:[0-9]|[0-9]{4}[/.-][0-9]{2}[/.-][0-9]|[0-9][/.][0-9]{1,2}[/.][0-9]{4}'
                    || '|[0-9]T[0-9]{6}|[a-z][ /-][12][0-9]{3}|[a-z]{2},? [0-9]{1,2}, [12]'
                    || '|[0-9]-[JFMASOND][a-z]{2}-[0-9]).*'
                ) then
                regexp_replace(
                    regexp_replace(
                        masked,
                        '(?:[0-9]{2}/[A-Z][a-z]{2}/[0-9]{4}:)?[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?'
                        || '(?: ?[AP]M)?(?:Z| ?[+-][0-9]{2}:?[0-9]{2})?(?: (?:UTC|GMT|[CEMP][DES]?T'
                        || '|CEST))?(?: m=[+-][0-9.]+)?',
                        '<time>', 'g'
                    ),
                    '(?:[0-9]{4}(?:-[0-9]{2}-|/[0-9]{2}/|\.[0-9]{2}\.)[0-9]{2}'
                    || '|(?:[A-Z][a-z]{2},? )?[0-9]{1,2}[ /-][JFMASOND][a-z]{2}[ /-][0-9]{2,4}'
                    || '|[0-9]{1,2} [JFMASOND][a-z]{3,8},? [12][0-9]{3}|[0-9]{1,2}[/.][0-9]{1,2}[/.][0-9]{4})'
                    || '(?:(?:[T_:]|,? )(?:<time>|[0-9]{1,2}:[0-9]{2}(?:Z| ?[AP]M)?))?'
                    || '|(?:[MTWFS][a-z]{2},? )?(?:[A-Z][a-z]{2} [0-9]{1,2}(?:, [12][0-9]{3},?)? <time>'
                    || '(?: [12][0-9]{3})?|[JFMASOND][a-z]{2,8} [0-9]{1,2},? [12][0-9]{3})'
                    || '|[0-9]{8}T[0-9]{6}(?:[.,][0-9]+)?Z?',
                    '<time>', 'g'
                )
            else masked
        end as masked
    from without_uuids
    offset 0
),
-- Tokens, and random words of 16 characters and more: they mix cases and digits (¦) where names do not.
without_tokens as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        case
            when masked ~ '.*(?:[0-9A-Za-z_+/-]{16}).*'
                and masked ~ (
                    '.*(?:(?:[A-Z][a-z]*[0-9]|[0-9][a-z]*[A-Z]|[a-z][A-Z][0-9A-Z_-]|[A-Z][A-Z][a-z]'
                    || '|[A-Z][a-z][A-Z])[0-9A-Za-z_+/-]{7}|[0-9A-Za-z_+/-]{7}(?:[A-Z][a-z]*[0-9]'
                    || '|[0-9][a-z]*[A-Z]|[a-z][A-Z][0-9A-Z_-]|[A-Z][A-Z][a-z]|[A-Z][a-z][A-Z])'
                    || '|A[KS]IA[0-9A-Z]{12}).*'
                ) then
                regexp_replace(
                    regexp_replace(
                        regexp_replace(
                            regexp_replace(
                                regexp_replace(
                                    regexp_replace(
                                        regexp_replace(
                                            masked,
                                            'eyJ[0-9A-Za-z_-]+(?:\.[0-9A-Za-z_-]*)+|(?:[a-z]{2,3}_(?:live'
                                            || '|test)|gh[opusr]|github_pat|glpat|npm|whsec|xox[a-z]|dop_v1|hvs'
                                            || '|SG|ya29)[_.-][0-9A-Za-z_.-]{10,}'
                                            || '|A[KS]IA[0-9A-Z]{12,}',
                                            '<token>', 'g'
                                        ),
                                        '([0-9A-Za-z_+/-]{16,}={0,2})',
                                        '«\1»', 'g'
                                    ),
                                    '«([0-9A-Za-z_/+-]*(?:Exception|Error|Failure|Warning|Manager|Service'
                                    || '|Handler|Factory|Client|Server|Provider|'
                                    || 'Connection|Listener|Executor|Operator|Driver|Context|Session|Request'
                                    || '|Response))»',
                                    '\1', 'g'
                                ),
                                '«([0-9A-Za-z_-]{21}|[0-9A-Za-z_-]{27}|[a-z]{2,5}_[0-9A-Za-z]{14,})»',
                                '«¦\1»', 'g'
                            ),
                            '([A-Z][a-z]*[0-9]|[0-9][a-z]*[A-Z]|[a-z][A-Z][0-9A-Z_-]|[A-Z][A-Z][a-z]'
                            || '|[A-Z][a-z][A-Z])',
                            '\1¦', 'g'
                        ),
                        '«[^«»/]*¦[^«»/]*¦[^«»/]*»|«[^«»/](?:[^«»]*¦){3}[^«»]*»|«/(?:[^«»]*¦){5}[^«»]*»',
                        '<n>', 'g'
                    ),
                    '[«»¦]',
                    '', 'g'
                )
            else masked
        end as masked
    from without_times
    offset 0
),
-- Marks around each word with a digit, so that what follows sees whole words without looking around.
words as (
    select
        day, schedule_id, error_message, error_count, first_seen_at, last_seen_at, text,
        regexp_replace(
            masked,
            '([0-9A-Za-z]*[0-9][0-9A-Za-z]*|[a-f]{7,})',
            '«\1»', 'g'
        ) as masked
    from without_tokens
),
-- Equal texts become one row, so that fewer texts are masked below; PostgreSQL also keeps only 32 compiled patterns.
marked as (
    select
        day, schedule_id, masked as marked, sum(error_count) as error_count, min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at, left(min(error_message collate "C"), 500) as sample_message
    from words
    group by 1, 2, 3
),
-- Names with digits lose their marks and so stay: nothing below masks a word without marks.
kept as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when marked ~ '.*(?:«[A-Za-z]{1,9}[0-9]{1,3}[A-Za-z]{0,3}»|[a-z]{4}»).*' then
                regexp_replace(
                    regexp_replace(
                        marked,
                        '«([Ss]3[an]?|[Ee][Cc]2|[Ii][Pp]v?[46]|(?:TCP|UDP|tcp|udp)[46]|[Bb]ase(?:16|32|58|62'
                        || '|64)|BASE64|[Mm][Dd][45]|[Ss][Hh][Aa](?:1|224|256|384|512)|[Cc][Rr][Cc](?:16|32c?|64)'
                        || '|[Uu][Tt][Ff](?:7|8|16|32|8mb[34])|[Ll]atin1|[Xx]509|[Ll]og4j2?|[Ss]lf4j|[Kk]8s|K8S'
                        || '|[Kk]3s|[Oo][Aa]uth[12]|[Hh]2c?|[Hh][Tt][Tt][Pp][23]|[Ii]18n|[Bb]zip2|[Ll][Zz]4'
                        || '|[Mm][Pp][34]|[Hh]26[45]'
                        || '|[Xx](?:86|64)|(?:[Aa]md|AMD|[Aa]rm|ARM|[Aa]arch)64|i[36]86|[Ww]in(?:32|64)'
                        || '|[Uu]?[Ii]nt(?:2|4|8|16|32|64|128|256)'
                        || '|[Ff]loat(?:4|8|16|32|64)|[Dd]ecimal(?:32|64|128|256)|[uif](?:8|16|32|64)'
                        || '|n?varchar2|VARCHAR2|[Nn]eo4j|DB2|[Ss][Qq][Ll]ite3|psycopg[23]|boto3|[Pp]ython[23]'
                        || '|pip3|[Jj]2[Ee]{2}|[Rr]2[Dd][Bb][Cc]|c3p0'
                        || '|[Ee]d25519|[Xx]25519|secp256[kr]1|argon2(?:id?)?|[Pp][Bb][Kk][Dd][Ff]2'
                        || '|[Pp][Kk][Cc][Ss](?:1|5|7|8|11|12)'
                        || '|[Aa][Ee][Ss](?:128|192|256)|[EHPR]S(?:256|384|512)|AWS4|[Ss][Oo][Cc][Kk][Ss][45]'
                        || '|[Ss][Mm][Bb][123]|NFSv?[34]'
                        || '|SNMPv[123]|NTLMv2|IKEv[12]|ICMPv6|DHCPv[46]|[Rr]oute53|p(?:50|75|90|95|99)'
                        || '|[Hh][Tt][Mm][Ll]5|ES[56]|V8)»',
                        '\1', 'g'
                    ),
                    '«([A-Za-z]*[0-9]{1,3}[A-Za-z]*(?:Exception|Error|Warning|Failure|Fault)'
                    || '|[A-Za-z]{1,12}[0-9]{1,2}(?:[A-Z][a-z]+)*[A-Z][a-z]{4,})»',
                    '\1', 'g'
                )
            else marked
        end as masked
    from marked
    offset 0
),
-- Protocols and encodings with their version stay.
protocols as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when marked ~ '.*(?:[A-Za-z][/-]«[0-9]{1,4}»|[A-Z] «[0-9]»|Sv[0-9]|SLv[0-9]).*' then
                regexp_replace(
                    masked,
                    '((?:[Uu][Tt][Ff]|[Ss][Hh][Aa]|AES|RSA|ISO|[Cc][Pp]|[Ww]indows|[Ll]atin)-|HTTPS?/|TLS '
                    || '|SSL )«([0-9]{1,4})»(?:([.-])«([0-9]{1,2})»)?|«((?:D?TLS|SSL)v[0-9])»(?:(\.)«([0-9])»)?',
                    '\1\2\3\4\5\6\7', 'g'
                )
            else masked
        end as masked
    from kept
    offset 0
),
-- Codes stay behind a word like code or status, and so does a second code in brackets.
codes as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when (
                marked like '%ode%«%' or marked like '%tatus%«%' or marked like '%rror%«%' or marked like '%rrno%«%'
                or marked like '%ignal%«%' or marked like '%xit%«%' or marked like '%HTTP%«%' or marked like '%ODE%«%'
                or marked like '%RROR%«%' or marked like '%STAT%«%' or marked like '%tate%«%' or marked like '%ESULT%«%'
                or marked like '%alue%«%' or marked like '%Msg%«%' or marked like '%RRNO%«%' or marked like '%rr%«%' or marked like '%curl:%«%'
                or marked like '% rc%«%' or marked like '%(rc%«%' or marked like '% ret%«%' or marked like '%(ret%«%'
            ) and marked ~ '.*(?:[A-Za-z0-9»][ :=#(\[-]{1,3}[+-]?«[0-9A-Za-fx]{1,8}[^a-z]).*' then
                regexp_replace(
                    regexp_replace(
                        masked,
                        '((?:(?:[Cc]ode|CODE|[Ss]tatus|STATUS|rrno|RRNO|ignal|RESULT|STATE|[Ss]tate|xit(?:ed)?'
                        || '|(?:xit ?|eturn )[Vv]alue|Msg|c(?:url|URL)|[ (]rc|[ (]ret'
                        || '|HTTPS?(?:/[0-9.]+)?)(?: with| is| was| of| code| status| response)*'
                        || '[ :=#(\[-]{1,3}|(?:rror|RROR|[Ee]rr)(?: code'
                        || '| number)?[ =#(\[]{1,2})[+-]?)«([0-9]{1,5}|[0-9]*[A-Z][0-9A-Z]{1,7}'
                        || '|0x[0-9A-Fa-f]{1,8})»',
                        '\1\2', 'g'
                    ),
                    '([0-9A-Z]\]? ?[(\[])«([0-9A-Z]{4,5})»([)\]])',
                    '\1\2\3', 'g'
                )
            else masked
        end as masked
    from protocols
    offset 0
),
-- Statuses of answers stay, counts do not.
replies as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when marked ~ '.*(?:«[1-5][0-9]{2}» [A-Z«]|[dgsthr:] [+-]?«[0-9]{1,3}»).*' then
                regexp_replace(
                    masked,
                    '((?:return(?:ed|s|ing)(?: an?)?(?: error:?| status:?)?|got|received|responded with'
                    || '|answered) [+-]?)«([1-5]?[0-9]{1,2})»($|[.,:;)\]]| (?:for|from|on|by|when|while|after'
                    || '|[A-Z]))'
                    || '|«([1-5][0-9]{2})»( (?:Bad|Un|Forb|Not |Me|Req|Conf|Gone|Too |Int|Serv|Gate|Cli|OK'
                    || '|«[245]»\.))',
                    '\1\2\3\4\5', 'g'
                )
            else masked
        end as masked
    from codes
    offset 0
),
-- Codes stay that have a known prefix, or stand where codes stand, as between colons.
kept_codes as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when marked ~ (
                    '.*(?:[A-Z]-«[0-9]{3,5}»|«(?:[A-Z]{1,8}[0-9]{3,7}[A-Z]?|0x[0-9A-Fa-f]{8})»'
                    || '|[: \[]«[0-9]{1,4}[A-Z][0-9A-Z]{1,4}»[:\]]).*'
                ) then
                regexp_replace(
                    masked,
                    '((?:ORA|TNS|PLS|RMAN|DPI|DPY|NJS|BEA|KUP|LRM|CRS|PRVF|PRVG|PRCR|DRG|JZ'
                    || '|CVE)-)«([0-9]{3,5})»'
                    || '|«((?:TS|CS|BC|LNK|MSB|NU|NETSDK|AADSTS|HHH|PGRST|WFLY[A-Z]*|CWW[A-Z]*|AMQ|DSN[A-Z]?|SQL'
                    || '|KB)[0-9]{3,7}[A-Z]?|E[0-9]{5}|0x80[012][0-9A-Fa-f]{5}|0x[Cc]00[0-9A-Fa-f]{5}'
                    || '|0x[Ee]0434352)»'
                    || '|((?:^|: |(?:[Ee]rror|ERROR|[Ww]arning|WARNING'
                    || '|[Ff]atal)[: \[]{1,2})[A-Z]{2,5}-)«([0-9]{4,5})»(:|\])|((?:^|: |(?:[Ee]rror|ERROR'
                    || '|[Ww]arning|WARNING|[Ff]atal)[: \[]{1,2}))«([A-Z]{1,8}[0-9]{3,6}[A-Z]?'
                    || '|[0-9]{1,4}[A-Z][0-9A-Z]{1,4})»(:|\])',
                    '\1\2\3\4\5\6\7\8\9', 'g'
                )
            else masked
        end as masked
    from replies
    offset 0
),
-- IPv4 addresses before numbers with a point.
without_ips as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when marked like '%.%.%.%' then
                regexp_replace(
                    masked,
                    '«[0-9]{1,3}»(?:\.«[0-9]{1,3}»){3}',
                    '<ip>', 'g'
                )
            else masked
        end as masked
    from kept_codes
    offset 0
),
-- Suffixes of Kubernetes pods: any behind the hash of a deployment, elsewhere only those that are no word.
without_pods as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when marked ~ '.*(?:[0-9a-z»]-(?:«[0-9a-z]{5,10}»|[bcdfghjklmnpqrstvwxz]{5})).*' then
                regexp_replace(
                    regexp_replace(
                        masked,
                        '-(?:«(?:[0-9]+[a-z]+[0-9][0-9a-z]*|[a-z]+[0-9]+[a-z][0-9a-z]*|[a-z]+[0-9]{3,}'
                        || '|[0-9]+[a-z]{2,}|[bcdfghjklmnpqrstvwxz]{5,}[0-9]+)»'
                        || '|[bcdfghjklmnpqrstvwxz]{8,10})-«?[0-9a-z]{4,5}»?($|[^0-9A-Za-z«-])',
                        '-<n>\1', 'g'
                    ),
                    '([0-9a-z»])-(?:«[bcdfghjklmnpqrstvwxz2456789]{5}»|[bcdfghjklmnpqrstvwxz]{5})($'
                    || '|[^0-9A-Za-z«-])',
                    '\1-<n>\2', 'g'
                )
            else masked
        end as masked
    from without_ips
    offset 0
),
-- Durations of any unit, as Go writes them.
without_durations as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        case
            when marked ~ '.*(?:[0-9](?:[wdhms]|[mun]s|mins?|secs?|hrs?)»|»[µμ]s|«PT?[0-9]).*' then
                regexp_replace(
                    masked,
                    '«(?:[0-9]{1,3}[wd])?(?:[0-9]+h)?(?:[0-9]+m)?[0-9]+(?:»\.«[0-9]+)?(?:(?:[hms]|ms|us|ns'
                    || '|mins?|secs?|hrs?)»|»[µμ]s)|«[0-9]{1,3}[wd]»|«PT?[0-9][0-9DHMST]*»(?:\.«[0-9]+S»)?',
                    '<duration>', 'g'
                )
            else masked
        end as masked
    from without_pods
    offset 0
),
-- Numbers, hashes and identifiers of any alphabet share one mask, since a hash may have digits only.
without_numbers as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at, marked,
        regexp_replace(
            masked,
            '«(?:[0-9]+»\.«)?[0-9]+[eE](?:»[+-]«)?[0-9]+»|«[0-9]+»(?:[.,_'']«[0-9]+»)*|«(?:g?[0-9a-f]{7,}'
            || '|[0-9A-F]{7,}|0[xX][0-9A-Fa-f]+|'
            || '[A-Za-z]+[0-9]+[A-Za-z]+[0-9A-Za-z]*|[0-9]+[A-Za-z]+[0-9]+[0-9A-Za-z]*)»',
            '<n>', 'g'
        ) as masked
    from without_durations
),
-- Equal texts become one row again.
forms as (
    select
        day,
        schedule_id,
        masked,
        sum(error_count)::bigint as error_count,
        min(first_seen_at) as first_seen_at,
        max(last_seen_at) as last_seen_at,
        min(sample_message collate "C") as sample_message
    from without_numbers
    group by 1, 2, 3
),
-- Paths of either kind of slash, then tags of images.
without_paths as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at,
        regexp_replace(
            regexp_replace(
                masked,
                '(^|[^0-9A-Za-z<>_./~\\+«»-])(?:(?:«?[A-Za-z]:|~|\.\.?)?(?:/(?:[^ /<>"''`,:;()\[\]{}|&?*]|<(?:n'
                || '|time|uuid|text|email|token|duration|mac)>)+)(?:/(?:[^ /<>"''`,:;()\[\]{}|&?*]'
                || '|<[a-z]+>)+)*/?(?:\?(?:[^ <>"'',)]|<[a-z]+>)*)?'
                || '|(?:[A-Za-z]:\\|\\\\)(?:(?:[^\\/:*?"<>| ]|<[a-z]+>)(?:(?:[^\\/:*?"<>|]'
                || '|<[a-z]+>)*(?:[^\\/:*?"<>| ]|<[a-z]+>))?\\)*(?:[^ \\/:*?"<>|,;)]|<[a-z]+>)*'
                || '|[0-9A-Za-z_«»-]+(?:/(?:[0-9A-Za-z_.%+=@~«»-]|<(?:n|time|uuid|text|email|token|duration'
                || '|mac)>)+)*/(?:[0-9A-Za-z_.«»-]|<(?:n|time|uuid|text|email|token|duration'
                || '|mac)>)+\.[A-Za-z][A-Za-z]{0,9})',
                '\1<path>', 'g'
            ),
            '((?:[Ii]mage |[Pp]ull(?:ing)? )[0-9a-z«»._-]+(?:(?::<n>)?(?:/[a-z0-9«»._-]+)+)?'
            || '|[a-z0-9«»][a-z0-9«».-]*(?::<n>)?(?:/[a-z0-9«»._-]+)+):(?:[0-9A-Za-z_.«»-]|<[a-z]+>)+',
            '\1:<tag>', 'g'
        ) as masked
    from forms
),
-- Sizes, then the numbers that are part of a word.
without_parts as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at,
        regexp_replace(
            regexp_replace(
                masked,
                '(?:<n>\.)?«[0-9]+(?:[KMGTPE]i?[Bb]?|kB|kb|B)»|<n> (?:[KMGTPE]i?B|kB|[KMGT]i|B)($|[^0-9A-Za-z])',
                '<size>\1', 'g'
            ),
            '«([A-Za-z]*)[0-9]+([A-Za-z]*)»',
            '\1<n>\2', 'g'
        ) as masked
    from without_paths
),
-- Signs go, and a list becomes a single one of its elements.
patterns as (
    select
        day, schedule_id, sample_message, error_count, first_seen_at, last_seen_at,
        left(
            regexp_replace(
                regexp_replace(
                    regexp_replace(
                        masked,
                        '(^|[ =(,:\[{])[+-]<n>',
                        '\1<n>', 'g'
                    ),
                    '(<n>)(?:(?:[._-]|[,;|] ?)<n>)+|(\[<n>)(?: <n>)+|(<text>)(?:[,;|] ?<text>)+|(<uuid>)(?:[,;'
                    || '|] ?<uuid>)+|(<ip>)(?:[,;|] ?<ip>)+|(<path>)(?:[,;|] ?<path>)+|\{(<uuid>)\}',
                    '\1\2\3\4\5\6\7', 'g'
                ),
                '[«»]|^ | $',
                '', 'g'
            ),
            300
        ) as pattern
    from without_parts
)
select
    day,
    pattern,
    schedule_id,
    sum(error_count)::bigint as error_count,
    min(first_seen_at) as first_seen_at,
    max(last_seen_at) as last_seen_at,
    min(sample_message collate "C") as sample_message,
    2::bigint as rules_version
from patterns
group by 1, 2, 3
