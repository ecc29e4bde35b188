// What `martlet memcached --help` shows.

extension MemcachedCommandLine {
  /// The help, without a line feed at its end.
  public static let help = """
    OVERVIEW: Run the server with memcached's options.

    An existing command line of memcached needs one word changed: memcached to martlet memcached. What is stored is kept
    in the text file database.txt of the data folder, and is there again after a restart.

    USAGE: martlet memcached [<option> ...]

    MEMCACHED'S OPTIONS
      -p, --port=<num>            the TCP port (default: 11211)
      -l, --listen=<addr>,...     where to listen, each with a port or not: 10.0.0.7, [::1]:11212 (default: everywhere,
                                  though without a password only clients of this machine are served, see below)
      -s, --unix-socket=<file>    a Unix socket, and no TCP port
      -a, --unix-mask=<mode>      its permissions, in octal (default: 0700)
      -c, --conn-limit=<num>      how many clients there may be at once (default: 1024)
      -b, --listen-backlog=<num>  how many wait to be accepted (default: 1024)
      -m, --memory-limit=<num>    memory for the data, in megabytes (default: 64)
      -M, --disable-evictions     refuse writes when it is full, instead of evicting what was used least recently
      -I, --max-item-size=<size>  the largest value: 1m, 512k (default: 1m)
      -t, --threads=<num>         threads that serve clients (default: one for each processor)
      -F, --disable-flush-all     refuse flush_all
      -A, --enable-shutdown       obey shutdown
      -Y, --auth-file=<file>      who may come in, a line name:password for each
      -S, --enable-sasl           have clients authenticate by SASL
      -o idle_timeout=<seconds>   close clients that have sent nothing for so long (default: 0, never)
      -d, --daemon                run in the background; returns when clients are served
      -P, --pidfile=<file>        write the process number there
      -u, --user=<name>           become this user when the ports are bound (as root only)
      -v, -vv                     log more; log every command
      -h, --help   -V, --version   -i, --license

    All others are accepted and named in a line of the log, except those that somebody would miss: -Z and -o ssl_...
    (TLS), -U with a port (UDP), -e and -o ext_path (files for values), -o proxy_...: these are refused.

    MARTLET'S OPTIONS
      --data <folder>             where database.txt is (default: $STATE_DIRECTORY, or else data)
      --durability <when>         always (the default): what is acknowledged is on the disk; everysec; never
      --redis-port <num>          serve the Redis protocol, too
      --protected-mode no         serve clients from other machines without a password
      --config <file>             more settings; `martlet serve --help` has them all, and each works here, except that
                                  --port, --listen, --unix-socket, --threads and --memory-limit are memcached's

    EXAMPLES
      martlet memcached -m 1024 -p 11211 -l 127.0.0.1 -c 4096
      martlet memcached -d -u memcache -P /run/memcached/memcached.pid -m 64 --data /var/lib/martlet
      martlet memcached -s /run/memcached/memcached.sock -a 0770
      martlet memcached -m 64 --durability never --protected-mode no
    """
}
