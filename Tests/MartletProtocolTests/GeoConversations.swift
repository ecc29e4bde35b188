// What a client of the Redis protocol says and hears about places. The replies are those of Redis 7.0.15 and Valkey 9.1.2,
// taken from a raw socket of each.

enum GeoConversations {
  static let all: [Conversation] = [
    Conversation(
      "GEOADD, GEOPOS, GEODIST, GEOHASH",
      [
        Exchange("SET s v", "+OK\r\n"),
        Exchange("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania", ":2\r\n"),
        Exchange("GEOADD g 13.361389 38.115556 Palermo", ":0\r\n"),
        Exchange("GEOADD g CH 13.361 38.115 Palermo", ":1\r\n"),
        Exchange("GEOADD g NX 1 1 Palermo 2 2 new", ":1\r\n"),
        Exchange("GEOADD g XX CH 2 3 new 5 5 none", ":1\r\n"),
        Exchange("GEOADD g NX XX 1 1 a", "-ERR syntax error\r\n"),
        Exchange("GEOADD g 1 1", "-ERR wrong number of arguments for 'geoadd' command\r\n"),
        Exchange("GEOADD g 200 1 a", "-ERR invalid longitude,latitude pair 200.000000,1.000000\r\n"),
        Exchange("GEOADD g 1 86 a", "-ERR invalid longitude,latitude pair 1.000000,86.000000\r\n"),
        Exchange("GEOADD g x 1 a", "-ERR value is not a valid float\r\n"),
        Exchange("GEOADD g NX CH CH", "-ERR syntax error\r\n"),
        Exchange("GEOADD s 1 1 a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("GEOADD s 1 x a", "-ERR value is not a valid float\r\n"),
        Exchange("GEOADD g 1 1 a 2", "-ERR syntax error\r\n"),
        Exchange(
          "GEOPOS g Palermo none Catania",
          "*3\r\n*2\r\n$20\r\n13.36099773645401001\r\n$19\r\n38.1149987568412385\r\n*-1\r\n*2\r\n$20\r\n15.08726745843887329\r\n$20\r\n37.50266842333162032\r\n",
          resp3:
            "*3\r\n*2\r\n,13.36099773645401001\r\n,38.1149987568412385\r\n_\r\n*2\r\n,15.08726745843887329\r\n,37.50266842333162032\r\n"
        ),
        Exchange("GEOPOS none a", "*1\r\n*-1\r\n", resp3: "*1\r\n_\r\n"),
        Exchange("GEOPOS g", "*0\r\n"),
        Exchange("GEOPOS s a", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("GEODIST g Palermo Catania", "$11\r\n166280.6492\r\n"),
        Exchange("GEODIST g Palermo Catania km", "$8\r\n166.2806\r\n"),
        Exchange("GEODIST g Palermo Catania KM", "$8\r\n166.2806\r\n"),
        Exchange("GEODIST g Palermo Catania mi", "$8\r\n103.3223\r\n"),
        Exchange("GEODIST g Palermo Catania ft", "$11\r\n545540.1876\r\n"),
        Exchange(
          "GEODIST g Palermo Catania x", "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n"),
        Exchange("GEODIST g Palermo none", "$-1\r\n", resp3: "_\r\n"),
        Exchange("GEODIST none a b", "$-1\r\n", resp3: "_\r\n"),
        Exchange("GEODIST none a b x", "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n"),
        Exchange("GEODIST g a b c d", "-ERR syntax error\r\n"),
        Exchange("GEODIST g Palermo Palermo", "$6\r\n0.0000\r\n"),
        Exchange("GEODIST s a b", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange(
          "GEOHASH g Palermo Catania none", "*3\r\n$11\r\nsqc8b495vy0\r\n$11\r\nsqdtr74hyu0\r\n$-1\r\n",
          resp3: "*3\r\n$11\r\nsqc8b495vy0\r\n$11\r\nsqdtr74hyu0\r\n_\r\n"),
        Exchange("GEOHASH none a", "*1\r\n$-1\r\n", resp3: "*1\r\n_\r\n"),
        Exchange("GEOHASH g", "*0\r\n"),
      ]),
    Conversation(
      "GEORADIUS and its kin",
      [
        Exchange("SET s v", "+OK\r\n"),
        Exchange("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 2 3 new", ":3\r\n"),
        Exchange("GEORADIUS g 15 37 200 km", "*2\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n"),
        Exchange(
          "GEORADIUS g 15 37 200 km WITHDIST WITHHASH WITHCOORD",
          "*2\r\n*4\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n:3479099956230698\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n*2\r\n$20\r\n15.08726745843887329\r\n$20\r\n37.50266842333162032\r\n",
          resp3:
            "*2\r\n*4\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n:3479099956230698\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n*2\r\n,15.08726745843887329\r\n,37.50266842333162032\r\n"
        ),
        Exchange(
          "GEORADIUS g 15 37 200 km WITHCOORD WITHDIST",
          "*2\r\n*3\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n*3\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n*2\r\n$20\r\n15.08726745843887329\r\n$20\r\n37.50266842333162032\r\n",
          resp3:
            "*2\r\n*3\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n*3\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n*2\r\n,15.08726745843887329\r\n,37.50266842333162032\r\n"
        ),
        Exchange("GEORADIUS g 15 37 200 km COUNT 1", "*1\r\n$7\r\nCatania\r\n"),
        Exchange("GEORADIUS g 15 37 200 km COUNT 1 ANY", "*1\r\n$7\r\nPalermo\r\n"),
        Exchange("GEORADIUS g 15 37 200 km COUNT 1 DESC", "*1\r\n$7\r\nPalermo\r\n"),
        Exchange("GEORADIUS g 15 37 200 km DESC", "*2\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n"),
        Exchange("GEORADIUS g 15 37 200 km ASC", "*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n"),
        Exchange("GEORADIUS g 15 37 200 km COUNT 0", "-ERR COUNT must be > 0\r\n"),
        Exchange("GEORADIUS g 15 37 200 km COUNT x", "-ERR value is not an integer or out of range\r\n"),
        Exchange("GEORADIUS g 15 37 200 km ANY", "-ERR the ANY argument requires COUNT argument\r\n"),
        Exchange("GEORADIUS g 15 37 x km", "-ERR need numeric radius\r\n"),
        Exchange("GEORADIUS g 15 37 -1 km", "-ERR radius cannot be negative\r\n"),
        Exchange(
          "GEORADIUS g 15 37 1 lightyears", "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n"),
        Exchange("GEORADIUS g 200 37 1 km", "-ERR invalid longitude,latitude pair 200.000000,37.000000\r\n"),
        Exchange("GEORADIUS g x 37 1 km", "-ERR value is not a valid float\r\n"),
        Exchange("GEORADIUS g 15 37 200 km FOO", "-ERR syntax error\r\n"),
        Exchange("GEORADIUS none 15 37 200 km", "*0\r\n"),
        Exchange("GEORADIUS none 15 37 200 km STORE d", ":0\r\n"),
        Exchange(
          "GEORADIUS s 15 37 200 km", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"
        ),
        Exchange(
          "GEORADIUS s x 37 200 km", "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
        Exchange("GEORADIUS g 15 37 200 km STORE d", ":2\r\n"),
        Exchange(
          "ZRANGE d 0 -1 WITHSCORES",
          "*4\r\n$7\r\nPalermo\r\n$16\r\n3479099956230698\r\n$7\r\nCatania\r\n$16\r\n3479447370796909\r\n",
          resp3:
            "*2\r\n*2\r\n$7\r\nPalermo\r\n,3479099956230698\r\n*2\r\n$7\r\nCatania\r\n,3479447370796909\r\n"),
        Exchange("GEORADIUS g 15 37 200 km STOREDIST d", ":2\r\n"),
        Exchange(
          "GEORADIUS g 15 37 200 km STORE d WITHDIST",
          "-ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options\r\n"
        ),
        Exchange("GEORADIUS g 15 37 1 m STORE d", ":0\r\n"),
        Exchange("EXISTS d", ":0\r\n"),
        Exchange("GEORADIUS_RO g 15 37 200 km STORE d", "-ERR syntax error\r\n"),
        Exchange("GEORADIUS_RO g 15 37 200 km", "*2\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n"),
        Exchange("GEORADIUSBYMEMBER g Palermo 200 km", "*2\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n"),
        Exchange(
          "GEORADIUSBYMEMBER g Palermo 200 km WITHDIST",
          "*2\r\n*2\r\n$7\r\nPalermo\r\n$6\r\n0.0000\r\n*2\r\n$7\r\nCatania\r\n$8\r\n166.2742\r\n"),
        Exchange("GEORADIUSBYMEMBER none none 200 km", "*0\r\n"),
        Exchange("GEORADIUSBYMEMBER none none 200 x", "*0\r\n"),
        Exchange("GEORADIUSBYMEMBER none none 200 km FOO", "-ERR syntax error\r\n"),
        Exchange("GEORADIUSBYMEMBER none none 200 km STORE d", ":0\r\n"),
        Exchange("GEORADIUSBYMEMBER g Palermo 200 km STOREDIST d", ":2\r\n"),
        Exchange("GEORADIUSBYMEMBER_RO g Palermo 200 km STORE d", "-ERR syntax error\r\n"),
        Exchange(
          "GEORADIUSBYMEMBER_RO g Palermo 200 km WITHHASH",
          "*2\r\n*2\r\n$7\r\nPalermo\r\n:3479099956230698\r\n*2\r\n$7\r\nCatania\r\n:3479447370796909\r\n"),
      ]),
    Conversation(
      "GEOSEARCH, GEOSEARCHSTORE",
      [
        Exchange("SET s v", "+OK\r\n"),
        Exchange("GEOADD g 13.361389 38.115556 Palermo 15.087269 37.502669 Catania 2 3 new", ":3\r\n"),
        Exchange("GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km", "*2\r\n$7\r\nPalermo\r\n$7\r\nCatania\r\n"),
        Exchange(
          "GEOSEARCH g FROMLONLAT 15 37 BYRADIUS 200 km ASC WITHCOORD WITHDIST WITHHASH",
          "*2\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n*2\r\n$20\r\n15.08726745843887329\r\n$20\r\n37.50266842333162032\r\n*4\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n:3479099956230698\r\n*2\r\n$20\r\n13.36138933897018433\r\n$20\r\n38.11555639549629859\r\n",
          resp3:
            "*2\r\n*4\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n:3479447370796909\r\n*2\r\n,15.08726745843887329\r\n,37.50266842333162032\r\n*4\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n:3479099956230698\r\n*2\r\n,13.36138933897018433\r\n,38.11555639549629859\r\n"
        ),
        Exchange(
          "GEOSEARCH g FROMLONLAT 15 37 BYBOX 400 400 km ASC WITHDIST",
          "*2\r\n*2\r\n$7\r\nCatania\r\n$7\r\n56.4413\r\n*2\r\n$7\r\nPalermo\r\n$8\r\n190.4424\r\n"),
        Exchange("GEOSEARCH g FROMLONLAT 15 37 BYBOX 300 100 km ASC WITHDIST", "*0\r\n"),
        Exchange(
          "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km DESC", "*2\r\n$7\r\nCatania\r\n$7\r\nPalermo\r\n"),
        Exchange("GEOSEARCH none FROMMEMBER none BYRADIUS 200 km DESC", "*0\r\n"),
        Exchange(
          "GEOSEARCH g BYRADIUS 200 km DESC WITHDIST",
          "-ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH\r\n"),
        Exchange("GEOSEARCH g FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 200 km", "-ERR syntax error\r\n"),
        Exchange("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 200 km BYBOX 1 1 km", "-ERR syntax error\r\n"),
        Exchange("GEOSEARCH g FROMMEMBER Palermo BYBOX x 1 km", "-ERR need numeric width\r\n"),
        Exchange("GEOSEARCH g FROMMEMBER Palermo BYBOX 1 x km", "-ERR need numeric height\r\n"),
        Exchange(
          "GEOSEARCH g FROMMEMBER Palermo BYBOX -1 1 km", "-ERR height or width cannot be negative\r\n"),
        Exchange(
          "GEOSEARCH g FROMMEMBER Palermo BYBOX 1 1 x",
          "-ERR unsupported unit provided. please use M, KM, FT, MI\r\n"),
        Exchange("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km COUNT 1 ANY", "*1\r\n$7\r\nPalermo\r\n"),
        Exchange(
          "GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km ANY",
          "-ERR the ANY argument requires COUNT argument\r\n"),
        Exchange("GEOSEARCH g FROMMEMBER Palermo BYRADIUS 1 km STOREDIST", "-ERR syntax error\r\n"),
        Exchange(
          "GEOSEARCH g FROMMEMBER Palermo BYRADIUS",
          "-ERR wrong number of arguments for 'geosearch' command\r\n"),
        Exchange("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km", ":2\r\n"),
        Exchange(
          "ZRANGE d 0 -1 WITHSCORES",
          "*4\r\n$7\r\nPalermo\r\n$16\r\n3479099956230698\r\n$7\r\nCatania\r\n$16\r\n3479447370796909\r\n",
          resp3:
            "*2\r\n*2\r\n$7\r\nPalermo\r\n,3479099956230698\r\n*2\r\n$7\r\nCatania\r\n,3479447370796909\r\n"),
        Exchange("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 mi STOREDIST", ":2\r\n"),
        Exchange(
          "ZRANGE d 0 -1 WITHSCORES",
          "*4\r\n$7\r\nPalermo\r\n$1\r\n0\r\n$7\r\nCatania\r\n$18\r\n103.31822459492733\r\n",
          resp3: "*2\r\n*2\r\n$7\r\nPalermo\r\n,0\r\n*2\r\n$7\r\nCatania\r\n,103.31822459492733\r\n"),
        Exchange(
          "GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km WITHDIST",
          "-ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options\r\n"),
        Exchange("GEOSEARCHSTORE d g FROMMEMBER Palermo BYRADIUS 200 km STORE e", "-ERR syntax error\r\n"),
        Exchange(
          "GEOSEARCHSTORE d g FROMMEMBER Palermo",
          "-ERR wrong number of arguments for 'geosearchstore' command\r\n"),
        Exchange("GEOSEARCHSTORE d none FROMLONLAT 1 1 BYRADIUS 1 m", ":0\r\n"),
        Exchange("EXISTS d", ":0\r\n"),
        Exchange(
          "GEOSEARCHSTORE d s FROMLONLAT 1 1 BYRADIUS 1 m",
          "-WRONGTYPE Operation against a key holding the wrong kind of value\r\n"),
      ]),
    Conversation(
      "Places at the edges, and scores that are none",
      [
        Exchange("ZADD odd -5 a inf b 1.5 c 1e300 d", ":4\r\n"),
        Exchange(
          "GEOPOS odd a b c d",
          "*4\r\n*2\r\n$3\r\n180\r\n$19\r\n85.0511287799999991\r\n*2\r\n$22\r\n-179.99999731779098511\r\n$21\r\n-85.05112751263942528\r\n*2\r\n$22\r\n-179.99999731779098511\r\n$21\r\n-85.05112497791824921\r\n*2\r\n$22\r\n-179.99999731779098511\r\n$21\r\n-85.05112751263942528\r\n",
          resp3:
            "*4\r\n*2\r\n,180\r\n,85.0511287799999991\r\n*2\r\n,-179.99999731779098511\r\n,-85.05112751263942528\r\n*2\r\n,-179.99999731779098511\r\n,-85.05112497791824921\r\n*2\r\n,-179.99999731779098511\r\n,-85.05112751263942528\r\n"
        ),
        Exchange(
          "GEOHASH odd a b c d",
          "*4\r\n$11\r\nbp05b5048p0\r\n$11\r\n00bh0hbj200\r\n$11\r\n00bh0hbj210\r\n$11\r\n00bh0hbj200\r\n"),
        Exchange("GEOADD p 180 85.05112878 ne -180 -85.05112878 sw 0 0 zero", ":3\r\n"),
        Exchange(
          "GEOPOS p ne sw zero",
          "*3\r\n*2\r\n$3\r\n180\r\n$19\r\n85.0511287799999991\r\n*2\r\n$22\r\n-179.99999731779098511\r\n$21\r\n-85.05112751263942528\r\n*2\r\n$19\r\n0.00000268220901489\r\n$19\r\n0.00000126736058093\r\n",
          resp3:
            "*3\r\n*2\r\n,180\r\n,85.0511287799999991\r\n*2\r\n,-179.99999731779098511\r\n,-85.05112751263942528\r\n*2\r\n,0.00000268220901489\r\n,0.00000126736058093\r\n"
        ),
        Exchange(
          "GEOHASH p ne sw zero", "*3\r\n$11\r\nbp05b5048p0\r\n$11\r\n00bh0hbj200\r\n$11\r\ns0000000000\r\n"),
        Exchange(
          "GEORADIUS p 0 0 25000 km WITHDIST",
          "*2\r\n*2\r\n$4\r\nzero\r\n$6\r\n0.0003\r\n*2\r\n$2\r\nsw\r\n$10\r\n10560.8118\r\n"),
        Exchange("GEORADIUS p 179 84 500 km WITHDIST", "*0\r\n"),
        Exchange(
          "GEOSEARCH p FROMLONLAT -179 -85 BYBOX 900 300 km ASC WITHDIST",
          "*1\r\n*2\r\n$2\r\nsw\r\n$7\r\n11.1960\r\n"),
      ]),
  ]
}
