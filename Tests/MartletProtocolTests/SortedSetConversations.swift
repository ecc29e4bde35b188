// What a client of the Redis protocol says and hears about sorted sets. The replies are those of Redis 7.0.15, and for
// what that doesn't have or writes otherwise those of Valkey 9.1.2; taken from a raw socket of each.

enum SortedSetConversations {
  static let all: [Conversation] = [
    Conversation(
      "ZADD and its options",
      [
        Exchange("ZADD z 1 a 2.5 b -3 c", ":3\r\n"),
        Exchange("ZADD z 2 a 4 d", ":1\r\n"),
        Exchange("ZADD z CH 3 a 5 e 4 d", ":2\r\n"),
        Exchange("ZADD z NX 9 a 9 f", ":1\r\n"),
        Exchange("ZADD z XX 9 g", ":0\r\n"),
        Exchange("ZADD z XX CH 7 f", ":1\r\n"),
        Exchange("ZADD z GT CH 1 a 10 f", ":1\r\n"),
        Exchange("ZADD z LT CH 1 a 10 f", ":1\r\n"),
        Exchange("ZADD z GT CH 5 n 6 n 4 n", ":2\r\n"),
        Exchange("ZADD z NX 5 m 6 m", ":1\r\n"),
        Exchange("ZADD z CH 1 k 2 k 1 k", ":3\r\n"),
        Exchange("ZADD z CH 1 k 2 k 1 k", ":2\r\n"),
        Exchange("ZADD z INCR 1.5 a", "$3\r\n2.5\r\n", resp3: ",2.5\r\n"),
        Exchange("ZADD z XX INCR 1 missing", "$-1\r\n", resp3: "_\r\n"),
        Exchange("ZADD z NX INCR 1 a", "$-1\r\n", resp3: "_\r\n"),
        Exchange("ZADD z GT INCR -1 a", "$-1\r\n", resp3: "_\r\n"),
        Exchange("ZADD z LT INCR -1 a", "$3\r\n1.5\r\n", resp3: ",1.5\r\n"),
        Exchange("ZADD missing XX 1 a", ":0\r\n"),
        Exchange("EXISTS missing", ":0\r\n"),
        Exchange(
          "ZRANGE z 0 -1 WITHSCORES",
          "*18\r\n$1\r\nc\r\n$2\r\n-3\r\n$1\r\nk\r\n$1\r\n1\r\n$1\r\na\r\n$3\r\n1.5\r\n$1\r\nb\r\n$3\r\n2.5\r\n$1\r\nd\r\n$1\r\n4\r\n$1\r\ne\r\n$1\r\n5\r\n$1\r\nm\r\n$1\r\n5\r\n$1\r\nn\r\n$1\r\n6\r\n$1\r\nf\r\n$2\r\n10\r\n",
          resp3:
            "*9\r\n*2\r\n$1\r\nc\r\n,-3\r\n*2\r\n$1\r\nk\r\n,1\r\n*2\r\n$1\r\na\r\n,1.5\r\n*2\r\n$1\r\nb\r\n,2.5\r\n*2\r\n$1\r\nd\r\n,4\r\n*2\r\n$1\r\ne\r\n,5\r\n*2\r\n$1\r\nm\r\n,5\r\n*2\r\n$1\r\nn\r\n,6\r\n*2\r\n$1\r\nf\r\n,10\r\n"
        ),
        Exchange("ZADD z", "-ERR wrong number of arguments for 'zadd' command\r\n"),
        Exchange("ZADD z 1", "-ERR wrong number of arguments for 'zadd' command\r\n"),
        Exchange("ZADD z NX CH", "-ERR syntax error\r\n"),
        Exchange("ZADD z 1 a 2", "-ERR syntax error\r\n"),
        Exchange("ZADD z NX XX 1 a", "-ERR XX and NX options at the same time are not compatible\r\n"),
        Exchange(
          "ZADD z NX GT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"),
        Exchange(
          "ZADD z GT LT 1 a", "-ERR GT, LT, and/or NX options at the same time are not compatible\r\n"),
        Exchange("ZADD z INCR 1 a 2 b", "-ERR INCR option supports a single increment-element pair\r\n"),
        Exchange("ZADD z one a", "-ERR value is not a valid float\r\n"),
        Exchange("ZADD z nan a", "-ERR value is not a valid float\r\n"),
        Exchange("ZADD z \"1 \" a", "-ERR value is not a valid float\r\n"),
        Exchange("ZADD z \" 1\" a", "-ERR value is not a valid float\r\n"),
        Exchange("ZADD z 1e400 a", "-ERR value is not a valid float\r\n"),
        Exchange("ZADD z \"\" a", "-ERR value is not a valid float\r\n"),
        Exchange("ZADD z FOO 1 a", "-ERR syntax error\r\n"),
        Exchange("TYPE z", "+zset\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZADD s 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZADD s x a", "-ERR value is not a valid float\r\n"),
        Exchange("ZINCRBY s 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("GET z", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("SADD z a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("HSET z a b", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("APPEND z a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("INCR z", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("SETNX z v", ":0\r\n"),
      ]),
    Conversation(
      "Scores: their forms, ZSCORE, ZMSCORE, ZINCRBY",
      [
        Exchange("ZADD z 1.5 a inf b -inf c +5 d .5 e 5. f 1e20 g 123456789012 h 1e3 i", ":9\r\n"),
        Exchange("ZSCORE z a", "$3\r\n1.5\r\n", resp3: ",1.5\r\n"),
        Exchange("ZSCORE z b", "$3\r\ninf\r\n", resp3: ",inf\r\n"),
        Exchange("ZSCORE z c", "$4\r\n-inf\r\n", resp3: ",-inf\r\n"),
        Exchange("ZSCORE z d", "$1\r\n5\r\n", resp3: ",5\r\n"),
        Exchange("ZSCORE z e", "$3\r\n0.5\r\n", resp3: ",0.5\r\n"),
        Exchange("ZSCORE z f", "$1\r\n5\r\n", resp3: ",5\r\n"),
        Exchange("ZSCORE z g", "$5\r\n1e+20\r\n", resp3: ",1e+20\r\n"),
        Exchange("ZSCORE z h", "$12\r\n123456789012\r\n", resp3: ",123456789012\r\n"),
        Exchange("ZSCORE z i", "$4\r\n1000\r\n", resp3: ",1000\r\n"),
        Exchange("ZSCORE z missing", "$-1\r\n", resp3: "_\r\n"),
        Exchange("ZSCORE missing a", "$-1\r\n", resp3: "_\r\n"),
        Exchange(
          "ZMSCORE z a missing b", "*3\r\n$3\r\n1.5\r\n$-1\r\n$3\r\ninf\r\n",
          resp3: "*3\r\n,1.5\r\n_\r\n,inf\r\n"),
        Exchange("ZMSCORE missing a b", "*2\r\n$-1\r\n$-1\r\n", resp3: "*2\r\n_\r\n_\r\n"),
        Exchange("ZMSCORE z", "-ERR wrong number of arguments for 'zmscore' command\r\n"),
        Exchange("ZSCORE z", "-ERR wrong number of arguments for 'zscore' command\r\n"),
        Exchange("ZINCRBY z 2.25 a", "$4\r\n3.75\r\n", resp3: ",3.75\r\n"),
        Exchange("ZINCRBY z -3.75 a", "$1\r\n0\r\n", resp3: ",0\r\n"),
        Exchange("ZINCRBY z 5 new", "$1\r\n5\r\n", resp3: ",5\r\n"),
        Exchange("ZINCRBY z 1 b", "$3\r\ninf\r\n", resp3: ",inf\r\n"),
        Exchange("ZINCRBY z -inf b", "-ERR resulting score is not a number (NaN)\r\n"),
        Exchange("ZINCRBY z nan a", "-ERR value is not a valid float\r\n"),
        Exchange("ZINCRBY z x a", "-ERR value is not a valid float\r\n"),
        Exchange("ZINCRBY z 1", "-ERR wrong number of arguments for 'zincrby' command\r\n"),
        Exchange("ZADD z -0 zero", ":1\r\n"),
        Exchange("ZSCORE z zero", "$1\r\n0\r\n", resp3: ",0\r\n"),
        Exchange("ZADD z 0.5 \"\" 0.25 \"two words\" 0.125 \"\\x00\\xff\"", ":3\r\n"),
        Exchange(
          "ZRANGE z 0 4 WITHSCORES",
          "*10\r\n$1\r\nc\r\n$4\r\n-inf\r\n$1\r\na\r\n$1\r\n0\r\n$4\r\nzero\r\n$1\r\n0\r\n$2\r\n\u{00}\u{ff}\r\n$5\r\n0.125\r\n$9\r\ntwo words\r\n$4\r\n0.25\r\n",
          resp3:
            "*5\r\n*2\r\n$1\r\nc\r\n,-inf\r\n*2\r\n$1\r\na\r\n,0\r\n*2\r\n$4\r\nzero\r\n,0\r\n*2\r\n$2\r\n\u{00}\u{ff}\r\n,0.125\r\n*2\r\n$9\r\ntwo words\r\n,0.25\r\n"
        ),
        Exchange("ZSCORE z \"\"", "$3\r\n0.5\r\n", resp3: ",0.5\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZSCORE s a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZMSCORE s a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
      ]),
    Conversation(
      "Ranks",
      [
        Exchange("ZADD z 1 a 1 b 2 c 3 d", ":4\r\n"),
        Exchange("ZRANK z a", ":0\r\n"),
        Exchange("ZRANK z b", ":1\r\n"),
        Exchange("ZRANK z d", ":3\r\n"),
        Exchange("ZREVRANK z a", ":3\r\n"),
        Exchange("ZREVRANK z d", ":0\r\n"),
        Exchange("ZRANK z missing", "$-1\r\n", resp3: "_\r\n"),
        Exchange("ZRANK missing a", "$-1\r\n", resp3: "_\r\n"),
        Exchange("ZCARD z", ":4\r\n"),
        Exchange("ZCARD missing", ":0\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZCARD s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZRANK s a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZRANK z", "-ERR wrong number of arguments for 'zrank' command\r\n"),
      ]),
    Conversation(
      "ZRANGE by rank, ZREVRANGE",
      [
        Exchange("ZADD z 1 a 2 b 3 c 4 d 5 e", ":5\r\n"),
        Exchange("ZRANGE z 0 -1", "*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange("ZRANGE z 1 3", "*3\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        Exchange("ZRANGE z -2 -1", "*2\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange("ZRANGE z -100 100", "*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange("ZRANGE z 3 1", "*0\r\n"),
        Exchange("ZRANGE z 5 9", "*0\r\n"),
        Exchange("ZRANGE z -9 -7", "*0\r\n"),
        Exchange(
          "ZRANGE z 0 0 WITHSCORES", "*2\r\n$1\r\na\r\n$1\r\n1\r\n", resp3: "*1\r\n*2\r\n$1\r\na\r\n,1\r\n"),
        Exchange(
          "ZRANGE z 0 1 REV WITHSCORES", "*4\r\n$1\r\ne\r\n$1\r\n5\r\n$1\r\nd\r\n$1\r\n4\r\n",
          resp3: "*2\r\n*2\r\n$1\r\ne\r\n,5\r\n*2\r\n$1\r\nd\r\n,4\r\n"),
        Exchange("ZRANGE z 1 2 REV", "*2\r\n$1\r\nd\r\n$1\r\nc\r\n"),
        Exchange("ZREVRANGE z 0 1", "*2\r\n$1\r\ne\r\n$1\r\nd\r\n"),
        Exchange(
          "ZREVRANGE z 0 1 WITHSCORES", "*4\r\n$1\r\ne\r\n$1\r\n5\r\n$1\r\nd\r\n$1\r\n4\r\n",
          resp3: "*2\r\n*2\r\n$1\r\ne\r\n,5\r\n*2\r\n$1\r\nd\r\n,4\r\n"),
        Exchange("ZREVRANGE z 0 1 REV", "-ERR syntax error\r\n"),
        Exchange("ZREVRANGE z 0 1 BYSCORE", "-ERR syntax error\r\n"),
        Exchange("ZRANGE missing 0 -1", "*0\r\n"),
        Exchange("ZRANGE missing 0 x", "-ERR value is not an integer or out of range\r\n"),
        Exchange("ZRANGE z 0 x", "-ERR value is not an integer or out of range\r\n"),
        Exchange("ZRANGE z (0 1", "-ERR value is not an integer or out of range\r\n"),
        Exchange("ZRANGE z 9223372036854775807 9223372036854775807", "*0\r\n"),
        Exchange(
          "ZRANGE z -9223372036854775808 9223372036854775807",
          "*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange(
          "ZRANGE z 0 -1 LIMIT 1 2",
          "-ERR syntax error, LIMIT is only supported in combination with either BYSCORE or BYLEX\r\n"),
        Exchange("ZRANGE z 0 -1 LIMIT 1 -1", "*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange("ZRANGE z 0 -1 LIMIT 1", "-ERR syntax error\r\n"),
        Exchange("ZRANGE z 0 -1 FOO", "-ERR syntax error\r\n"),
        Exchange("ZRANGE z 0 -1 REV REV", "-ERR syntax error\r\n"),
        Exchange("ZRANGE z 0", "-ERR wrong number of arguments for 'zrange' command\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZRANGE s 0 -1", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange(
          "ZREVRANGE s 0 -1", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
      ]),
    Conversation(
      "Ranges of scores",
      [
        Exchange("ZADD z 1 a 2 b 2 c 3 d inf e -inf f", ":6\r\n"),
        Exchange("ZRANGE z 1 3 BYSCORE", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        Exchange(
          "ZRANGE z (1 (3 BYSCORE WITHSCORES", "*4\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n2\r\n",
          resp3: "*2\r\n*2\r\n$1\r\nb\r\n,2\r\n*2\r\n$1\r\nc\r\n,2\r\n"),
        Exchange("ZRANGE z 3 1 BYSCORE", "*0\r\n"),
        Exchange("ZRANGE z 3 1 BYSCORE REV", "*4\r\n$1\r\nd\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
        Exchange("ZRANGE z (3 -inf BYSCORE REV", "*4\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n$1\r\nf\r\n"),
        Exchange(
          "ZRANGE z -inf +inf BYSCORE",
          "*6\r\n$1\r\nf\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange("ZRANGE z (-inf (inf BYSCORE", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        Exchange("ZRANGE z -inf inf BYSCORE LIMIT 1 2", "*2\r\n$1\r\na\r\n$1\r\nb\r\n"),
        Exchange(
          "ZRANGE z -inf inf BYSCORE LIMIT 1 -1",
          "*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange("ZRANGE z -inf inf BYSCORE LIMIT -1 2", "*0\r\n"),
        Exchange("ZRANGE z -inf inf BYSCORE LIMIT 9 2", "*0\r\n"),
        Exchange("ZRANGE z -inf inf BYSCORE LIMIT 0 0", "*0\r\n"),
        Exchange("ZRANGE z -inf inf BYSCORE LIMIT x 1", "-ERR value is not an integer or out of range\r\n"),
        Exchange(
          "ZRANGE z inf -inf BYSCORE REV LIMIT 1 2 WITHSCORES",
          "*4\r\n$1\r\nd\r\n$1\r\n3\r\n$1\r\nc\r\n$1\r\n2\r\n",
          resp3: "*2\r\n*2\r\n$1\r\nd\r\n,3\r\n*2\r\n$1\r\nc\r\n,2\r\n"),
        Exchange("ZRANGE z one 2 BYSCORE", "-ERR min or max is not a float\r\n"),
        Exchange("ZRANGE z 1 2 BYSCORE BYLEX", "-ERR syntax error\r\n"),
        Exchange("ZRANGEBYSCORE z 1 3", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        Exchange(
          "ZRANGEBYSCORE z 1 3 WITHSCORES LIMIT 1 1", "*2\r\n$1\r\nb\r\n$1\r\n2\r\n",
          resp3: "*1\r\n*2\r\n$1\r\nb\r\n,2\r\n"),
        Exchange("ZRANGEBYSCORE z ( 2", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        Exchange("ZRANGEBYSCORE z \"\" 2", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        Exchange("ZRANGEBYSCORE z nan 2", "-ERR min or max is not a float\r\n"),
        Exchange("ZRANGEBYSCORE z 1e400 inf", "*1\r\n$1\r\ne\r\n"),
        Exchange("ZRANGEBYSCORE z 1 3 REV", "-ERR syntax error\r\n"),
        Exchange("ZREVRANGEBYSCORE z 3 1", "*4\r\n$1\r\nd\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
        Exchange(
          "ZREVRANGEBYSCORE z 3 1 WITHSCORES",
          "*8\r\n$1\r\nd\r\n$1\r\n3\r\n$1\r\nc\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n1\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\nd\r\n,3\r\n*2\r\n$1\r\nc\r\n,2\r\n*2\r\n$1\r\nb\r\n,2\r\n*2\r\n$1\r\na\r\n,1\r\n"
        ),
        Exchange("ZREVRANGEBYSCORE z 1 3", "*0\r\n"),
        Exchange("ZCOUNT z 1 3", ":4\r\n"),
        Exchange("ZCOUNT z (1 3", ":3\r\n"),
        Exchange("ZCOUNT z -inf +inf", ":6\r\n"),
        Exchange("ZCOUNT z 3 1", ":0\r\n"),
        Exchange("ZCOUNT z x 1", "-ERR min or max is not a float\r\n"),
        Exchange("ZCOUNT missing 1 2", ":0\r\n"),
        Exchange("ZREMRANGEBYSCORE z (1 2", ":2\r\n"),
        Exchange("ZREMRANGEBYSCORE z 7 8", ":0\r\n"),
        Exchange("ZREMRANGEBYSCORE z 7 x", "-ERR min or max is not a float\r\n"),
        Exchange("ZREMRANGEBYSCORE missing 1 2", ":0\r\n"),
        Exchange("ZRANGE z 0 -1", "*4\r\n$1\r\nf\r\n$1\r\na\r\n$1\r\nd\r\n$1\r\ne\r\n"),
        Exchange("ZREMRANGEBYSCORE z -inf inf", ":4\r\n"),
        Exchange("EXISTS z", ":0\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZCOUNT s 1 2", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange(
          "ZRANGEBYSCORE s 1 2", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange(
          "ZREMRANGEBYSCORE s 1 2", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
      ]),
    Conversation(
      "Ranges of bytes",
      [
        Exchange("ZADD z 0 a 0 b 0 c 0 cc 0 d", ":5\r\n"),
        Exchange("ZRANGE z [b [cc BYLEX", "*3\r\n$1\r\nb\r\n$1\r\nc\r\n$2\r\ncc\r\n"),
        Exchange("ZRANGE z (b (cc BYLEX", "*1\r\n$1\r\nc\r\n"),
        Exchange("ZRANGE z - + BYLEX", "*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$2\r\ncc\r\n$1\r\nd\r\n"),
        Exchange("ZRANGE z + - BYLEX REV", "*5\r\n$1\r\nd\r\n$2\r\ncc\r\n$1\r\nc\r\n$1\r\nb\r\n$1\r\na\r\n"),
        Exchange("ZRANGE z - + BYLEX REV", "*0\r\n"),
        Exchange("ZRANGE z [c (a BYLEX REV LIMIT 1 1", "*1\r\n$1\r\nb\r\n"),
        Exchange("ZRANGE z [ + BYLEX", "*5\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$2\r\ncc\r\n$1\r\nd\r\n"),
        Exchange("ZRANGE z - [ BYLEX", "*0\r\n"),
        Exchange("ZRANGE z b c BYLEX", "-ERR min or max not valid string range item\r\n"),
        Exchange("ZRANGE z \"\" + BYLEX", "-ERR min or max not valid string range item\r\n"),
        Exchange("ZRANGE z -x + BYLEX", "-ERR min or max not valid string range item\r\n"),
        Exchange(
          "ZRANGE z - + BYLEX WITHSCORES",
          "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n"),
        Exchange("ZRANGEBYLEX z [b +", "*4\r\n$1\r\nb\r\n$1\r\nc\r\n$2\r\ncc\r\n$1\r\nd\r\n"),
        Exchange("ZRANGEBYLEX z [b + LIMIT 1 2", "*2\r\n$1\r\nc\r\n$2\r\ncc\r\n"),
        Exchange(
          "ZRANGEBYLEX z [b + WITHSCORES",
          "-ERR syntax error, WITHSCORES not supported in combination with BYLEX\r\n"),
        Exchange("ZREVRANGEBYLEX z + (b", "*3\r\n$1\r\nd\r\n$2\r\ncc\r\n$1\r\nc\r\n"),
        Exchange("ZREVRANGEBYLEX z [b [c", "*0\r\n"),
        Exchange("ZLEXCOUNT z [b (d", ":3\r\n"),
        Exchange("ZLEXCOUNT z - +", ":5\r\n"),
        Exchange("ZLEXCOUNT z + -", ":0\r\n"),
        Exchange("ZLEXCOUNT z b +", "-ERR min or max not valid string range item\r\n"),
        Exchange("ZLEXCOUNT missing - +", ":0\r\n"),
        Exchange("ZREMRANGEBYLEX z [b (cc", ":2\r\n"),
        Exchange("ZREMRANGEBYLEX z b c", "-ERR min or max not valid string range item\r\n"),
        Exchange("ZREMRANGEBYLEX missing - +", ":0\r\n"),
        Exchange("ZRANGE z 0 -1", "*3\r\n$1\r\na\r\n$2\r\ncc\r\n$1\r\nd\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZLEXCOUNT s - +", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange(
          "ZREMRANGEBYLEX s - +", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
      ]),
    Conversation(
      "ZREM, ZREMRANGEBYRANK, taking from an end",
      [
        Exchange("ZADD z 1 a 2 b 3 c 4 d 5 e 6 f 7 g 8 h", ":8\r\n"),
        Exchange("ZREM z a a missing", ":1\r\n"),
        Exchange("ZREM missing a", ":0\r\n"),
        Exchange("ZREM z", "-ERR wrong number of arguments for 'zrem' command\r\n"),
        Exchange("ZREMRANGEBYRANK z 0 0", ":1\r\n"),
        Exchange("ZREMRANGEBYRANK z -1 -1", ":1\r\n"),
        Exchange("ZREMRANGEBYRANK z 9 12", ":0\r\n"),
        Exchange("ZREMRANGEBYRANK z x 1", "-ERR value is not an integer or out of range\r\n"),
        Exchange("ZREMRANGEBYRANK missing 0 1", ":0\r\n"),
        Exchange("ZRANGE z 0 -1", "*5\r\n$1\r\nc\r\n$1\r\nd\r\n$1\r\ne\r\n$1\r\nf\r\n$1\r\ng\r\n"),
        Exchange("ZPOPMIN z", "*2\r\n$1\r\nc\r\n$1\r\n3\r\n", resp3: "*2\r\n$1\r\nc\r\n,3\r\n"),
        Exchange(
          "ZPOPMAX z 2", "*4\r\n$1\r\ng\r\n$1\r\n7\r\n$1\r\nf\r\n$1\r\n6\r\n",
          resp3: "*2\r\n*2\r\n$1\r\ng\r\n,7\r\n*2\r\n$1\r\nf\r\n,6\r\n"),
        Exchange("ZPOPMIN z 0", "*0\r\n"),
        Exchange("ZPOPMIN z -1", "-ERR value is out of range, must be positive\r\n"),
        Exchange("ZPOPMIN z x", "-ERR value is out of range, must be positive\r\n"),
        Exchange("ZPOPMIN z 1 2", "-ERR syntax error\r\n"),
        Exchange("ZPOPMIN missing", "*0\r\n"),
        Exchange("ZPOPMIN missing 2", "*0\r\n"),
        Exchange(
          "ZMPOP 2 missing z MIN", "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nd\r\n$1\r\n4\r\n",
          resp3: "*2\r\n$1\r\nz\r\n*1\r\n*2\r\n$1\r\nd\r\n,4\r\n"),
        Exchange("ZADD z 1 a 2 b 3 c", ":3\r\n"),
        Exchange(
          "ZMPOP 1 z MAX COUNT 2",
          "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\ne\r\n$1\r\n5\r\n*2\r\n$1\r\nc\r\n$1\r\n3\r\n",
          resp3: "*2\r\n$1\r\nz\r\n*2\r\n*2\r\n$1\r\ne\r\n,5\r\n*2\r\n$1\r\nc\r\n,3\r\n"),
        Exchange("ZMPOP 1 z MIN COUNT 0", "-ERR count should be greater than 0\r\n"),
        Exchange("ZMPOP 1 z MIN COUNT x", "-ERR count should be greater than 0\r\n"),
        Exchange("ZMPOP 0 z MIN", "-ERR numkeys should be greater than 0\r\n"),
        Exchange("ZMPOP x z MIN", "-ERR numkeys should be greater than 0\r\n"),
        Exchange("ZMPOP 1 z", "-ERR wrong number of arguments for 'zmpop' command\r\n"),
        Exchange("ZMPOP 3 z MIN", "-ERR syntax error\r\n"),
        Exchange("ZMPOP 1 z FIRST", "-ERR syntax error\r\n"),
        Exchange("ZMPOP 1 z MIN MAX", "-ERR syntax error\r\n"),
        Exchange("ZMPOP 1 z MIN COUNT 1 COUNT 1", "-ERR syntax error\r\n"),
        Exchange("ZMPOP 1 missing MIN", "*-1\r\n", resp3: "_\r\n"),
        Exchange(
          "ZPOPMIN z 100", "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n",
          resp3: "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2\r\n"),
        Exchange("EXISTS z", ":0\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZPOPMIN s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZPOPMIN s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZMPOP 1 s MIN", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZREM s a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange(
          "ZREMRANGEBYRANK s 0 1", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
      ]),
    Conversation(
      "Unions, intersections, differences",
      [
        Exchange("ZADD a 1 a 2 b 3 c", ":3\r\n"),
        Exchange("ZADD b 10 b 20 c 30 d", ":3\r\n"),
        Exchange("SADD m b z", ":2\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZUNION 2 a b", "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        Exchange(
          "ZUNION 2 a b WITHSCORES",
          "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$2\r\n12\r\n$1\r\nc\r\n$2\r\n23\r\n$1\r\nd\r\n$2\r\n30\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,12\r\n*2\r\n$1\r\nc\r\n,23\r\n*2\r\n$1\r\nd\r\n,30\r\n"
        ),
        Exchange(
          "ZUNION 2 a b WEIGHTS 2 0.5 WITHSCORES",
          "*8\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n9\r\n$1\r\nd\r\n$2\r\n15\r\n$1\r\nc\r\n$2\r\n16\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,2\r\n*2\r\n$1\r\nb\r\n,9\r\n*2\r\n$1\r\nd\r\n,15\r\n*2\r\n$1\r\nc\r\n,16\r\n"
        ),
        Exchange(
          "ZUNION 2 a b AGGREGATE MIN WITHSCORES",
          "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n2\r\n$1\r\nc\r\n$1\r\n3\r\n$1\r\nd\r\n$2\r\n30\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,2\r\n*2\r\n$1\r\nc\r\n,3\r\n*2\r\n$1\r\nd\r\n,30\r\n"
        ),
        Exchange(
          "ZUNION 2 a b AGGREGATE max WITHSCORES",
          "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$2\r\n10\r\n$1\r\nc\r\n$2\r\n20\r\n$1\r\nd\r\n$2\r\n30\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,10\r\n*2\r\n$1\r\nc\r\n,20\r\n*2\r\n$1\r\nd\r\n,30\r\n"
        ),
        Exchange(
          "ZUNION 2 a m WITHSCORES",
          "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nz\r\n$1\r\n1\r\n$1\r\nb\r\n$1\r\n3\r\n$1\r\nc\r\n$1\r\n3\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nz\r\n,1\r\n*2\r\n$1\r\nb\r\n,3\r\n*2\r\n$1\r\nc\r\n,3\r\n"
        ),
        Exchange(
          "ZUNION 2 a a WITHSCORES",
          "*6\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\nb\r\n$1\r\n4\r\n$1\r\nc\r\n$1\r\n6\r\n",
          resp3: "*3\r\n*2\r\n$1\r\na\r\n,2\r\n*2\r\n$1\r\nb\r\n,4\r\n*2\r\n$1\r\nc\r\n,6\r\n"),
        Exchange("ZUNION 1 missing", "*0\r\n"),
        Exchange("ZUNION 2 a s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZUNION 2 a b WEIGHTS 1 WITHSCORES", "-ERR weight value is not a float\r\n"),
        Exchange("ZUNION 2 a b WEIGHTS 1 x", "-ERR weight value is not a float\r\n"),
        Exchange("ZUNION 2 a b WEIGHTS 1", "-ERR syntax error\r\n"),
        Exchange("ZUNION 2 a b AGGREGATE AVG", "-ERR syntax error\r\n"),
        Exchange("ZUNION 2 a b AGGREGATE", "-ERR syntax error\r\n"),
        Exchange("ZUNION 0 a", "-ERR at least 1 input key is needed for 'zunion' command\r\n"),
        Exchange("ZUNION x a", "-ERR value is not an integer or out of range\r\n"),
        Exchange("ZUNION 3 a b", "-ERR syntax error\r\n"),
        Exchange("ZUNION 1 a b", "-ERR syntax error\r\n"),
        Exchange("ZINTER 2 a b", "*2\r\n$1\r\nb\r\n$1\r\nc\r\n"),
        Exchange(
          "ZINTER 2 a b WITHSCORES", "*4\r\n$1\r\nb\r\n$2\r\n12\r\n$1\r\nc\r\n$2\r\n23\r\n",
          resp3: "*2\r\n*2\r\n$1\r\nb\r\n,12\r\n*2\r\n$1\r\nc\r\n,23\r\n"),
        Exchange(
          "ZINTER 3 a b m WITHSCORES", "*2\r\n$1\r\nb\r\n$2\r\n13\r\n",
          resp3: "*1\r\n*2\r\n$1\r\nb\r\n,13\r\n"),
        Exchange(
          "ZINTER 2 a b WEIGHTS 2 0.5 AGGREGATE MAX WITHSCORES",
          "*4\r\n$1\r\nb\r\n$1\r\n5\r\n$1\r\nc\r\n$2\r\n10\r\n",
          resp3: "*2\r\n*2\r\n$1\r\nb\r\n,5\r\n*2\r\n$1\r\nc\r\n,10\r\n"),
        Exchange("ZINTER 2 a missing", "*0\r\n"),
        Exchange(
          "ZINTER 1 m WITHSCORES", "*4\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\nz\r\n$1\r\n1\r\n",
          resp3: "*2\r\n*2\r\n$1\r\nb\r\n,1\r\n*2\r\n$1\r\nz\r\n,1\r\n"),
        Exchange(
          "ZINTER 2 missing s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZINTERCARD 2 a b", ":2\r\n"),
        Exchange("ZINTERCARD 2 a b LIMIT 1", ":1\r\n"),
        Exchange("ZINTERCARD 2 a b LIMIT 0", ":2\r\n"),
        Exchange("ZINTERCARD 2 a b LIMIT -1", "-ERR LIMIT can't be negative\r\n"),
        Exchange("ZINTERCARD 2 a b LIMIT", "-ERR syntax error\r\n"),
        Exchange("ZINTERCARD 2 a b WITHSCORES", "-ERR syntax error\r\n"),
        Exchange("ZDIFF 2 a b", "*1\r\n$1\r\na\r\n"),
        Exchange(
          "ZDIFF 2 a m WITHSCORES", "*4\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nc\r\n$1\r\n3\r\n",
          resp3: "*2\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nc\r\n,3\r\n"),
        Exchange(
          "ZDIFF 2 m a WITHSCORES", "*2\r\n$1\r\nz\r\n$1\r\n1\r\n", resp3: "*1\r\n*2\r\n$1\r\nz\r\n,1\r\n"),
        Exchange("ZDIFF 2 missing a", "*0\r\n"),
        Exchange("ZDIFF 2 a b WEIGHTS 1 2", "-ERR syntax error\r\n"),
        Exchange("ZUNIONSTORE d 2 a b", ":4\r\n"),
        Exchange(
          "ZRANGE d 0 -1 WITHSCORES",
          "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$2\r\n12\r\n$1\r\nc\r\n$2\r\n23\r\n$1\r\nd\r\n$2\r\n30\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,12\r\n*2\r\n$1\r\nc\r\n,23\r\n*2\r\n$1\r\nd\r\n,30\r\n"
        ),
        Exchange("ZUNIONSTORE d 2 a b WITHSCORES", "-ERR syntax error\r\n"),
        Exchange("ZUNIONSTORE a 2 a b WEIGHTS 1 2 AGGREGATE SUM", ":4\r\n"),
        Exchange(
          "ZRANGE a 0 -1 WITHSCORES",
          "*8\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nb\r\n$2\r\n22\r\n$1\r\nc\r\n$2\r\n43\r\n$1\r\nd\r\n$2\r\n60\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nb\r\n,22\r\n*2\r\n$1\r\nc\r\n,43\r\n*2\r\n$1\r\nd\r\n,60\r\n"
        ),
        Exchange("ZINTERSTORE d 2 a b", ":3\r\n"),
        Exchange("ZINTERSTORE s 2 a b", ":3\r\n"),
        Exchange("TYPE s", "+zset\r\n"),
        Exchange("ZDIFFSTORE d 2 a m", ":3\r\n"),
        Exchange(
          "ZRANGE d 0 -1 WITHSCORES",
          "*6\r\n$1\r\na\r\n$1\r\n1\r\n$1\r\nc\r\n$2\r\n43\r\n$1\r\nd\r\n$2\r\n60\r\n",
          resp3: "*3\r\n*2\r\n$1\r\na\r\n,1\r\n*2\r\n$1\r\nc\r\n,43\r\n*2\r\n$1\r\nd\r\n,60\r\n"),
        Exchange("ZDIFFSTORE d 1 missing", ":0\r\n"),
        Exchange("EXISTS d", ":0\r\n"),
        Exchange("ZUNIONSTORE d 0 a", "-ERR at least 1 input key is needed for 'zunionstore' command\r\n"),
        Exchange("ZRANGESTORE d a 1 2", ":2\r\n"),
        Exchange(
          "ZRANGE d 0 -1 WITHSCORES", "*4\r\n$1\r\nb\r\n$2\r\n22\r\n$1\r\nc\r\n$2\r\n43\r\n",
          resp3: "*2\r\n*2\r\n$1\r\nb\r\n,22\r\n*2\r\n$1\r\nc\r\n,43\r\n"),
        Exchange("ZRANGESTORE d a (3 inf BYSCORE LIMIT 1 1", ":1\r\n"),
        Exchange(
          "ZRANGE d 0 -1 WITHSCORES", "*2\r\n$1\r\nc\r\n$2\r\n43\r\n", resp3: "*1\r\n*2\r\n$1\r\nc\r\n,43\r\n"
        ),
        Exchange("ZRANGESTORE d a 0 1 REV", ":2\r\n"),
        Exchange("ZRANGE d 0 -1", "*2\r\n$1\r\nc\r\n$1\r\nd\r\n"),
        Exchange("ZRANGESTORE d a 0 1 WITHSCORES", "-ERR syntax error\r\n"),
        Exchange("ZRANGESTORE d a 9 10", ":0\r\n"),
        Exchange("EXISTS d", ":0\r\n"),
        Exchange("ZADD inf inf x", ":1\r\n"),
        Exchange("ZADD neg -inf x", ":1\r\n"),
        Exchange(
          "ZUNION 2 inf neg WITHSCORES", "*2\r\n$1\r\nx\r\n$1\r\n0\r\n",
          resp3: "*1\r\n*2\r\n$1\r\nx\r\n,0\r\n"),
        Exchange(
          "ZINTER 2 inf neg WITHSCORES", "*2\r\n$1\r\nx\r\n$1\r\n0\r\n",
          resp3: "*1\r\n*2\r\n$1\r\nx\r\n,0\r\n"),
        Exchange(
          "ZUNION 1 inf WEIGHTS 0 WITHSCORES", "*2\r\n$1\r\nx\r\n$1\r\n0\r\n",
          resp3: "*1\r\n*2\r\n$1\r\nx\r\n,0\r\n"),
        Exchange(
          "ZUNION 1 a WEIGHTS inf WITHSCORES",
          "*8\r\n$1\r\na\r\n$3\r\ninf\r\n$1\r\nb\r\n$3\r\ninf\r\n$1\r\nc\r\n$3\r\ninf\r\n$1\r\nd\r\n$3\r\ninf\r\n",
          resp3:
            "*4\r\n*2\r\n$1\r\na\r\n,inf\r\n*2\r\n$1\r\nb\r\n,inf\r\n*2\r\n$1\r\nc\r\n,inf\r\n*2\r\n$1\r\nd\r\n,inf\r\n"
        ),
      ]),
    Conversation(
      "Members by chance, a few at a time, and keys of sorted sets",
      [
        Exchange("ZADD z 2 a", ":1\r\n"),
        Exchange("ZRANDMEMBER z", "$1\r\na\r\n"),
        Exchange("ZRANDMEMBER z 5", "*1\r\n$1\r\na\r\n"),
        Exchange("ZRANDMEMBER z -3", "*3\r\n$1\r\na\r\n$1\r\na\r\n$1\r\na\r\n"),
        Exchange(
          "ZRANDMEMBER z 1 WITHSCORES", "*2\r\n$1\r\na\r\n$1\r\n2\r\n", resp3: "*1\r\n*2\r\n$1\r\na\r\n,2\r\n"
        ),
        Exchange(
          "ZRANDMEMBER z -2 WITHSCORES", "*4\r\n$1\r\na\r\n$1\r\n2\r\n$1\r\na\r\n$1\r\n2\r\n",
          resp3: "*2\r\n*2\r\n$1\r\na\r\n,2\r\n*2\r\n$1\r\na\r\n,2\r\n"),
        Exchange("ZRANDMEMBER z 0", "*0\r\n"),
        Exchange("ZRANDMEMBER missing", "$-1\r\n", resp3: "_\r\n"),
        Exchange("ZRANDMEMBER missing 2 WITHSCORES", "*0\r\n"),
        Exchange("ZRANDMEMBER z x", "-ERR value is not an integer or out of range\r\n"),
        Exchange("ZRANDMEMBER z 1 FOO", "-ERR syntax error\r\n"),
        Exchange("ZRANDMEMBER z 9223372036854775807 WITHSCORES", "-ERR value is out of range\r\n"),
        Exchange("ZSCAN z 0", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n2\r\n"),
        Exchange("ZADD z 1 b", ":1\r\n"),
        Exchange("ZSCAN z 0", "*2\r\n$1\r\n0\r\n*4\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n"),
        Exchange("ZSCAN z 0 MATCH a* COUNT 5", "*2\r\n$1\r\n0\r\n*2\r\n$1\r\na\r\n$1\r\n2\r\n"),
        Exchange("ZSCAN z 0 COUNT 0", "-ERR syntax error\r\n"),
        Exchange("ZSCAN z x", "-ERR invalid cursor\r\n"),
        Exchange("ZSCAN missing 0", "*2\r\n$1\r\n0\r\n*0\r\n"),
        Exchange("COPY z y", ":1\r\n"),
        Exchange("RENAME y x", "+OK\r\n"),
        Exchange(
          "ZRANGE x 0 -1 WITHSCORES", "*4\r\n$1\r\nb\r\n$1\r\n1\r\n$1\r\na\r\n$1\r\n2\r\n",
          resp3: "*2\r\n*2\r\n$1\r\nb\r\n,1\r\n*2\r\n$1\r\na\r\n,2\r\n"),
        Exchange("SCAN 0 TYPE zset COUNT 1000 MATCH x", "*2\r\n$1\r\n0\r\n*1\r\n$1\r\nx\r\n"),
        Exchange("TYPE x", "+zset\r\n"),
        Exchange("EXPIRE x 100", ":1\r\n"),
        Exchange("ZADD x 5 e", ":1\r\n"),
        Exchange("TTL x", ":100\r\n"),
        Exchange("DEL x", ":1\r\n"),
        Exchange("SET s v", "+OK\r\n"),
        Exchange("ZRANDMEMBER s", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("ZSCAN s 0", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
      ]),
    Conversation(
      "What Redis 7.0 doesn't have: scores of ranks, scans without scores, shortest digits",
      [
        Exchange(
          "ZADD z 0.1 a 1e-7 b 0.00001 c 123456.7890123 d 3.3 e 12345678901234567890 f 5e-324 h 1.7976931348623157e308 i",
          ":8\r\n"),
        Exchange(
          "ZRANGE z 0 -1 WITHSCORES",
          "*16\r\n$1\r\nh\r\n$6\r\n5e-324\r\n$1\r\nb\r\n$4\r\n1e-7\r\n$1\r\nc\r\n$7\r\n0.00001\r\n$1\r\na\r\n$3\r\n0.1\r\n$1\r\ne\r\n$3\r\n3.3\r\n$1\r\nd\r\n$17\r\n1.234567890123e+5\r\n$1\r\nf\r\n$20\r\n12345678901234567000\r\n$1\r\ni\r\n$23\r\n1.7976931348623157e+308\r\n",
          resp3:
            "*8\r\n*2\r\n$1\r\nh\r\n,5e-324\r\n*2\r\n$1\r\nb\r\n,1e-7\r\n*2\r\n$1\r\nc\r\n,0.00001\r\n*2\r\n$1\r\na\r\n,0.1\r\n*2\r\n$1\r\ne\r\n,3.3\r\n*2\r\n$1\r\nd\r\n,1.234567890123e+5\r\n*2\r\n$1\r\nf\r\n,12345678901234567000\r\n*2\r\n$1\r\ni\r\n,1.7976931348623157e+308\r\n"
        ),
        Exchange("ZRANK z a WITHSCORE", "*2\r\n:3\r\n$3\r\n0.1\r\n", resp3: "*2\r\n:3\r\n,0.1\r\n"),
        Exchange("ZREVRANK z a WITHSCORE", "*2\r\n:4\r\n$3\r\n0.1\r\n", resp3: "*2\r\n:4\r\n,0.1\r\n"),
        Exchange("ZRANK z missing WITHSCORE", "*-1\r\n", resp3: "_\r\n"),
        Exchange("ZRANK missing a WITHSCORE", "*-1\r\n", resp3: "_\r\n"),
        Exchange("ZRANK z a FOO", "-ERR syntax error\r\n"),
        Exchange("ZRANK z a WITHSCORE FOO", "-ERR wrong number of arguments for 'zrank' command\r\n"),
        Exchange("ZINCRBY z 0.2 a", "$19\r\n0.30000000000000004\r\n", resp3: ",0.30000000000000004\r\n"),
        Exchange("ZADD z 0x10 hex", "-ERR value is not a valid float\r\n"),
        Exchange(
          "ZSCAN z 0 NOSCORES",
          "*2\r\n$1\r\n0\r\n*8\r\n$1\r\nh\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\na\r\n$1\r\ne\r\n$1\r\nd\r\n$1\r\nf\r\n$1\r\ni\r\n"
        ),
        Exchange("SADD m a", ":1\r\n"),
        Exchange("SSCAN m 0 NOSCORES", "-ERR NOSCORES option can only be used in ZSCAN\r\n"),
      ]),
  ]
}
