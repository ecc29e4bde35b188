"""Users and rules of access, and what else of the server's own can be compared: ACL, CONFIG, COMMAND, SLOWLOG, LATENCY, MEMORY.

No script leaves a user behind, or a setting changed: all scripts share a server. Nobody is somebody else at the end.
"""

from __future__ import annotations

SCRIPTS = [
    (
        "rules that are wrong",
        "both",
        """
            ACL SETUSER u foo
            ACL SETUSER u +nosuch
            ACL SETUSER u +@nosuch
            ACL SETUSER u +config|nosuch
            ACL SETUSER u -select|0
            ACL SETUSER u +config|get|x
            ACL SETUSER u +
            ACL SETUSER u allkeys ~x
            ACL SETUSER u allchannels &x
            ACL SETUSER u %Q~x
            ACL SETUSER u %~x
            ACL SETUSER u "~a b"
            ACL SETUSER u "&a b"
            ACL SETUSER u <y
            ACL SETUSER u #abc
            ACL SETUSER u !abc
            ACL SETUSER u !0000000000000000000000000000000000000000000000000000000000000000
            ACL SETUSER u (on)
            ACL SETUSER u (+get
            ACL SETUSER "a b" on
            ACL SETUSER
            ACL USERS
        """,
    ),
    (
        "rules as they are shown",
        "both",
        """
            ACL SETUSER u
            ACL LIST
            ACL SETUSER u on >pw ~k* %R~r* %W~w* &ch* +@string -set
            ACL LIST
            ACL SETUSER u +@all -@dangerous
            ACL LIST
            ACL SETUSER u nocommands
            ACL LIST
            ACL SETUSER u allcommands -config +config|get
            ACL LIST
            ACL SETUSER u resetkeys ~x ~x %RW~y %R~z %W~z
            ACL LIST
            ACL SETUSER u <pw (+get ~a*) (+set ~b*)
            ACL LIST
            ACL SETUSER u clearselectors resetchannels
            ACL LIST
            ACL SETUSER u -@all +set|1 +set|2 +set
            ACL LIST
            ACL SETUSER u >a >b >a nopass
            ACL LIST
            ACL SETUSER u nopass >c ~* &* +@all
            ACL LIST
            ACL SETUSER "" on
            ACL USERS
            ACL DELUSER "" u nosuch
            ACL USERS
            ACL DELUSER default
            ACL GETUSER nosuch
        """,
    ),
    (
        "rules as Valkey shows them",
        "valkey",
        """
            ACL SETUSER u +get +@string -set +config|get
            ACL LIST
            ACL SETUSER u -@all +@read -get +get +config -config|set
            ACL LIST
            ACL SETUSER u -@all +client|id +client -client
            ACL LIST
            ACL SETUSER u -@all +@string +@string +@read -@string
            ACL LIST
            ACL SETUSER u +@all +get -get +get
            ACL LIST
            ACL SETUSER u +get|x +select|0
            ACL LIST
            ACL DELUSER u
        """,
    ),
    (
        "a user as Redis shows it",
        "redis",
        """
            ACL SETUSER u on nopass ~k* %R~r* &c* +get (+set ~b*)
            ~ACL GETUSER u
            ACL DELUSER u
        """,
    ),
    (
        "what would be denied, in Redis's words",
        "redis",
        """
            ACL SETUSER u on nopass +get ~a*
            ACL DRYRUN u get b
            ACL DRYRUN u set b c
            ACL DRYRUN u config get x
            ACL DRYRUN u get a
            ACL DRYRUN nosuch get x
            ACL DRYRUN default nosuch x
            ACL DRYRUN default get
            ACL DRYRUN default get x
            ACL DELUSER u
        """,
    ),
    (
        "denials, in Redis's words",
        "redis",
        """
            SET r1 v
            ACL SETUSER u on nopass +get +set +copy +config|get +multi +exec +ping +acl|whoami +select|0 ~a* %R~r* %W~w* (+mget ~m*)
            AUTH u x
            GET a1
            GET b
            SET b x
            SET r1 x
            GET r1
            SET w1 x
            SET w1 x GET
            GET w1
            COPY r1 w2
            COPY w1 w2
            MGET m1 m2
            MGET m1 a1
            DEL a1
            CONFIG GET nosuch
            CONFIG SET maxmemory 1
            CONFIG
            CONFIG NOSUCH
            ACL LIST
            ACL WHOAMI
            SELECT 0
            SELECT 1
            MULTI
            SET b x
            EXEC
            MULTI
            SET a x
            EXEC
            NOSUCH
            GET
            AUTH default x
            ACL DELUSER u
        """,
    ),
    (
        "passwords",
        "both",
        """
            ACL SETUSER u on >secret
            AUTH u wrong
            AUTH nosuch secret
            AUTH u secret
            AUTH default anything
            ACL WHOAMI
            HELLO 2 AUTH u wrong
            ACL SETUSER u off
            AUTH u secret
            ACL DELUSER u
        """,
    ),
    (
        "words that are wrong",
        "both",
        """
            ACL
            ACL NOSUCH
            ACL CAT nosuch
            ACL CAT a b
            ACL GENPASS 0
            ACL GENPASS 4097
            ACL GENPASS x
            ACL GENPASS 8 8
            ACL LOG x
            ?ACL LOG RESET
            ACL LOG
            ACL WHOAMI x
            CONFIG
            CONFIG GET
            CONFIG SET
            CONFIG SET maxmemory
            CONFIG SET maxmemory 1 timeout
            CONFIG SET nosuch 1
            CONFIG SET maxmemory 0 maxmemory 1
            CONFIG SET databases 3
            CONFIG RESETSTAT x
            SLOWLOG
            SLOWLOG NOSUCH
            SLOWLOG LEN x
            LATENCY
            LATENCY NOSUCH
            LATENCY HISTORY
            LATENCY GRAPH nosuch
            LATENCY HISTORY nosuch
            LATENCY RESET nosuch
            MEMORY
            MEMORY NOSUCH
            MEMORY USAGE nosuch
            MEMORY USAGE nosuch SAMPLES
            MEMORY USAGE nosuch SAMPLES x
            MEMORY PURGE
            COMMAND NOSUCH
            COMMAND COUNT x
            COMMAND LIST x
            COMMAND LIST FILTERBY nosuch x
            COMMAND GETKEYS NOSUCH x
            COMMAND GETKEYS PING x
            COMMAND GETKEYS GET a b
        """,
    ),
    (
        "settings are changed together or not at all",
        "both",
        """
            CONFIG SET slowlog-max-len 77 latency-monitor-threshold 5
            ~CONFIG GET slowlog-max-len latency-monitor-threshold
            CONFIG SET slowlog-max-len 78 databases 3
            CONFIG GET slowlog-max-len
            CONFIG SET slowlog-max-len 128 latency-monitor-threshold 0
            ~CONFIG GET slowlog-max-*
            CONFIG GET nosuch*
        """,
    ),
    (
        "keys of commands",
        "both",
        """
            COMMAND GETKEYS GET a
            COMMAND GETKEYS MSET a 1 b 2
            COMMAND GETKEYS SET a 1 EX 5
            COMMAND GETKEYS COPY a b
            COMMAND GETKEYS MEMORY USAGE k
            COMMAND GETKEYSANDFLAGS GET a
            COMMAND GETKEYSANDFLAGS SET a 1
            COMMAND GETKEYSANDFLAGS SET a 1 GET
            COMMAND GETKEYSANDFLAGS MSET a 1 b 2
            COMMAND GETKEYSANDFLAGS COPY a b
            COMMAND GETKEYSANDFLAGS RENAME a b
            COMMAND GETKEYSANDFLAGS DEL a b
            COMMAND GETKEYSANDFLAGS SPOP a
            COMMAND INFO nosuch
            ROLE
        """,
    ),
    (
        "the slow log",
        "both",
        """
            ?CONFIG SET slowlog-log-slower-than -1
            ?SLOWLOG RESET
            SLOWLOG LEN
            SLOWLOG GET
            SLOWLOG GET 0
            SLOWLOG GET x
            SLOWLOG GET -2
            SLOWLOG RESET
            ?CONFIG SET slowlog-log-slower-than 10000
        """,
    ),
]
