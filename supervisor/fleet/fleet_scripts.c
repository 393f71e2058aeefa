/* SPDX-License-Identifier: ISC */
/*
 * The scripts (see fleet_scripts.h).
 */
#include "supervisor/fleet/fleet_scripts.h"

#define NOW                                                                    \
	"local t=redis.call('TIME') "                                          \
	"local now=t[1]*1000+math.floor(t[2]/1000) "

/* Of a key of another type nothing is lost.  Any other error is one. */
#define TYPED                                                                  \
	"local function typed(r,other) "                                       \
	"  if type(r)~='table' or not r.err then return r end "                \
	"  if string.find(r.err,'WRONGTYPE',1,true) then return other end "    \
	"  error(r.err) "                                                      \
	"end "

/* Another incarnation gets the name when the one before has gone: left, dead,
 * silent for its lease, or an earlier one of the same node.  That it is one,
 * what the node has on its disk does not prove, since disks are copied: it had
 * our address, too, or has stood still while we looked. */
const char *const fleet_script_renew = NOW TYPED
    "local h=typed(redis.pcall('HMGET',KEYS[1],'incarnation','state','beat',"
    "'lease','peer')) "
    "if not h then redis.call('DEL',KEYS[1]) h={} end "
    "local beat=tonumber(h[3]) or 0 "
    "if h[1] and h[1]~=ARGV[2] then "
    "  local is_ours=h[1]==ARGV[6] and (h[3]==ARGV[8] or"
    "    ARGV[10]~='' and h[5]==ARGV[10]) "
    "  if not is_ours and h[2]~='left' and h[2]~='dead' and"
    "    math.abs(now-beat)<(tonumber(h[4]) or 0) then "
    "    return {'taken',now,beat,h[5] or ''} "
    "  end "
    "  redis.call('DEL',KEYS[1]) "
    "elseif h[1] and h[2]=='dead' then "
    "  if ARGV[3]~='joining' then return {'dead',now} end "
    "  redis.call('DEL',KEYS[6]) "
    "end "
    "redis.call('HDEL',KEYS[1],'purged','dead_at') "
    "redis.call('HSET',KEYS[1],'incarnation',ARGV[2],'state',ARGV[3],"
    "'lease',ARGV[4],'beat',now,unpack(ARGV,9)) "
    /* Who is listed has a lease until the leader has taken it off. */
    "redis.call('PERSIST',KEYS[1]) "
    /* All others do the same within a second. */
    "if not typed(redis.pcall('ZADD',KEYS[2],now,ARGV[1])) then "
    "  redis.call('DEL',KEYS[2]) redis.call('ZADD',KEYS[2],now,ARGV[1]) "
    "end "
    "local s=typed(redis.pcall('HMGET',KEYS[3],'epoch','held','level',"
    "'storm_until','hold','at','leader','paused','expired','missing',"
    "'effective','storm_window','displaced','storm_spare','announced'),{}) "
    "local m='' "
    "if ARGV[5]=='1' and s[1] then "
    "  m=redis.call('HGET',KEYS[3],'nodes') or '' "
    "end "
    /* A stream that is none must not cost the lease. */
    "local n "
    "if ARGV[7]=='' then "
    "  n=redis.pcall('XREVRANGE',KEYS[4],'+','-','COUNT',1) "
    "else "
    "  n=redis.pcall('XRANGE',KEYS[4],'('..ARGV[7],'+','COUNT',20) "
    "end "
    "if n.err then n={} end "
    "local a=redis.pcall('HGETALL',KEYS[5]) "
    "if a.err then a={} end "
    "return {'ok',now,s[1] or '',s[2] or '',s[3] or '',s[4] or '',"
    "s[5] or '',s[6] or '',m,n,a,s[7] or '',s[8] or '',s[9] or '',"
    "s[10] or '',s[11] or '',s[12] or '',s[13] or '',s[14] or '',"
    "s[15] or ''}";

/* Redis ends keys by the clock of its host: when that was set back, the lease
 * of a leader who is dead would last on.  Twice, as candidates need not agree
 * on how long it is. */
const char *const fleet_script_lead = TYPED
    "local c=typed(redis.pcall('GET',KEYS[1])) "
    "if c and (c==ARGV[1] or"
    "  redis.call('PTTL',KEYS[1])<=2*tonumber(ARGV[2])) then "
    "  if c~=ARGV[1] then return false end "
    "  redis.call('PEXPIRE',KEYS[1],ARGV[2]) return c "
    "end "
    "if ARGV[3]~='1' then return false end "
    "local e=tonumber(typed(redis.pcall('GET',KEYS[2]))) or 0 "
    "e=e+1 "
    "if e<tonumber(ARGV[4]) then e=tonumber(ARGV[4]) end "
    "redis.call('SET',KEYS[2],e) "
    "local n=string.format('%x',e)..':'..ARGV[5]..':'..ARGV[6] "
    "redis.call('SET',KEYS[1],n,'PX',ARGV[2]) return n";

const char *const fleet_script_resign =
    "if redis.call('GET',KEYS[1])==ARGV[1] then "
    "return redis.call('DEL',KEYS[1]) end return 0";

/* What is of another type counts as absent, but for a pause, which somebody
 * must have meant.  A beat that is to come was written before the clock was set
 * back; it is of now, and nobody outlives his lease by an hour. */
const char *const fleet_script_read = NOW TYPED
    "local leads=redis.pcall('GET',KEYS[5])==ARGV[3] "
    "local function get(key,other) "
    "  return typed(redis.pcall('GET',key),other) or '' "
    "end "
    "local out={now,get(KEYS[2],'a key of another type'),get(KEYS[3],''),{},"
    "typed(redis.pcall('HGET',KEYS[6],'epoch')) or ''} "
    "if ARGV[2]~='0' then "
    "  local d=redis.pcall('XRANGE',KEYS[4],now-tonumber(ARGV[2]),'+') "
    "  for i=1,#d do "
    "    for j=1,#d[i][2]-1,2 do "
    "      if d[i][2][j]=='kind' and d[i][2][j+1]=='node_dead' then "
    "        table.insert(out[4],string.match(d[i][1],'%d+')) "
    "      end "
    "    end "
    "  end "
    "end "
    "local n=typed(redis.pcall('ZRANGE',KEYS[1],0,-1,'WITHSCORES'),{}) "
    "for i=1,#n,2 do "
    "  local key=ARGV[1]..n[i] "
    "  local h=typed(redis.pcall('HGETALL',key),{}) "
    "  local beat,lease=tonumber(n[i+1]),0 "
    "  for j=1,#h,2 do "
    "    if h[j]=='lease' then lease=tonumber(h[j+1]) or 0 end "
    "  end "
    "  if leads and beat>now+lease then "
    "    redis.call('ZADD',KEYS[1],now,n[i]) "
    "    if #h>0 then redis.call('HSET',key,'beat',now) end "
    "  end "
    "  out[#out+1]={n[i],n[i+1],h} "
    "end "
    "return out";

const char *const fleet_script_pause_again =
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "
    "return redis.call('SETNX',KEYS[2],ARGV[2])";

/* A stream that is none costs the event. */
const char *const fleet_script_event =
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "
    "redis.call('XADD',KEYS[2],'MAXLEN','~',10000,'*','kind',ARGV[2],"
    "'node',ARGV[3],'text',ARGV[4],'by',ARGV[5],'token',ARGV[1]) "
    "return 1";

const char *const fleet_script_ack = NOW
    "redis.call('SET',KEYS[1],now) return now";

const char *const fleet_script_publish = NOW TYPED
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "
    "if not typed(redis.pcall('HEXISTS',KEYS[2],'at')) then "
    "  redis.call('DEL',KEYS[2]) "
    "end "
    "redis.call('HSET',KEYS[2],'at',now,unpack(ARGV,2)) return 1";

const char *const fleet_script_bury = NOW
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return -1 end "
    "if redis.call('EXISTS',KEYS[4])==1 then return 0 end "
    "local h=redis.call('HMGET',KEYS[2],'incarnation','state','beat') "
    "if h[1]~=ARGV[3] or h[2]=='dead' or h[3]~=ARGV[4] then return 0 end "
    "redis.call('HSET',KEYS[2],'state','dead','dead_at',now) "
    "redis.pcall('XADD',KEYS[3],'MAXLEN','~',10000,'*','kind','node_dead',"
    "'node',ARGV[2],'incarnation',ARGV[3],'token',ARGV[1],"
    "'observed',ARGV[5],'by',ARGV[6]) "
    "return 1";

/* An entry is "<token> <connections> <expires>".  Who holds it keeps it; others
 * get one when it fits, or when they are alone.  0.29 of 100 is not 28 because
 * of a binary fraction. */
const char *const fleet_script_permit = NOW TYPED
    "local held=tonumber(typed(redis.pcall('HGET',KEYS[2],'held'),'0')) or 0 "
    "local quota=tonumber(ARGV[5])*held+tonumber(ARGV[6])+1e-6 "
    "local sum,others,own=0,0,false "
    "local h=redis.call('HGETALL',KEYS[1]) "
    "for i=1,#h,2 do "
    "  local t,c,e=string.match(h[i+1],'^(%S+) (%d+) (%d+)$') "
    /* None lasts longer than the longest lease: the clock was set back. */
    "  if not t or tonumber(e)<=now or tonumber(e)>now+300000 then "
    "    redis.call('HDEL',KEYS[1],h[i]) "
    "  elseif h[i]==ARGV[1] then own=(t==ARGV[2]) "
    "  else others=others+1 sum=sum+tonumber(c) end "
    "end "
    "local mine=tonumber(ARGV[3]) "
    "if not (own or ARGV[7]=='1' or others==0 or sum+mine<=quota) then "
    "  return {0,now,sum,others} "
    "end "
    "redis.call('HSET',KEYS[1],ARGV[1],"
    "string.format('%s %d %d',ARGV[2],mine,now+tonumber(ARGV[4]))) "
    "return {1,now,sum,others}";

const char *const fleet_script_permit_end =
    "local v=redis.call('HGET',KEYS[1],ARGV[1]) "
    "if v and string.sub(v,1,#ARGV[2]+1)==ARGV[2]..' ' then "
    "return redis.call('HDEL',KEYS[1],ARGV[1]) end return 0";

const char *const fleet_script_ask =
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "
    "redis.call('HSET',KEYS[2],ARGV[2],ARGV[3]) "
    "redis.call('PEXPIRE',KEYS[2],ARGV[4]) "
    /* What was seen before is no answer to this. */
    "redis.call('HDEL',KEYS[3],ARGV[2]) return 1";

const char *const fleet_script_seen =
    "redis.call('HSET',KEYS[1],ARGV[1],ARGV[2]) "
    "redis.call('PEXPIRE',KEYS[1],ARGV[3]) return 1";

#define IS_OVER                                                                \
	"if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "             \
	"local h=redis.call('HMGET',KEYS[2],'incarnation','state') "           \
	"if h[1]~=ARGV[2] or (h[2]~='dead' and h[2]~='left') then "            \
	"return 0 end "

const char *const fleet_script_is_over = IS_OVER "return 1";

/* One that left nothing behind is no news. */
const char *const fleet_script_purged = IS_OVER
    "redis.call('HSET',KEYS[2],'purged','1') "
    "redis.call('DEL',KEYS[3]) "
    "if h[2]=='left' and ARGV[4]=='0' then return 1 end "
    "redis.pcall('XADD',KEYS[4],'MAXLEN','~',10000,'*','kind',"
    "'routes_purged','node',ARGV[3],'incarnation',ARGV[2],'token',ARGV[1],"
    "'routes',ARGV[4]) "
    "return 1";

/* Dead since the beginning of time: nothing but its routes keeps it.  Of some
 * only the name is left. */
#define DISOWN                                                                 \
	"local function disown(key,is_known) "                                 \
	"  if not is_known then "                                              \
	"    redis.call('DEL',key) "                                           \
	"    redis.call('HSET',key,'incarnation','0000000000000000') "         \
	"  end "                                                               \
	"  redis.call('HSET',key,'state','dead','dead_at',0) "                 \
	"end "

const char *const fleet_script_forget = TYPED DISOWN
    "if redis.call('GET',KEYS[1])~=ARGV[1] then return 0 end "
    "if not redis.call('ZSCORE',KEYS[3],ARGV[2]) then return 0 end "
    "local h=typed(redis.pcall('HMGET',KEYS[2],'incarnation','state',"
    "'purged'),{}) "
    "if not h[1] then disown(KEYS[2]) return 2 end "
    "if h[1]~=ARGV[3] or h[3]~='1' or"
    "  (h[2]~='dead' and h[2]~='left') then return 0 end "
    "redis.call('DEL',KEYS[2],KEYS[5]) "
    "redis.call('ZREM',KEYS[3],ARGV[2]) "
    "if h[2]=='left' then return 1 end "
    "redis.pcall('XADD',KEYS[4],'MAXLEN','~',10000,'*','kind',"
    "'node_forgotten','node',ARGV[2],'text','by its leader '..ARGV[4]) "
    "return 1";

/* Whoever writes there now expects it to be read: the node is coming back. */
const char *const fleet_script_uninbox =
    "local l=redis.pcall('XREVRANGE',KEYS[1],'+','-','COUNT',1) "
    "if l.err or l[1] and"
    "  tonumber(string.match(l[1][1],'%d+'))>=tonumber(ARGV[1]) then "
    "  return 0 "
    "end "
    "return redis.call('DEL',KEYS[1])";

const char *const fleet_script_disown = NOW TYPED DISOWN
    "if not redis.call('ZSCORE',KEYS[2],ARGV[1]) then "
    "  return 'no node of the fleet has this id' "
    "end "
    "local h=typed(redis.pcall('HMGET',KEYS[1],'incarnation','state','beat',"
    "'lease'),{}) "
    "if not h[1] then disown(KEYS[1]) return '' end "
    "if h[2]~='dead' and"
    "  math.abs(now-(tonumber(h[3]) or 0))<(tonumber(h[4]) or 0) then "
    "  return 'it renews its lease' "
    "end "
    "disown(KEYS[1],true) return ''";

/* What is no string is no route of ours. */
const char *const fleet_script_unroute = TYPED
    "if typed(redis.pcall('GET',KEYS[1]))==ARGV[1] then "
    "return redis.call('DEL',KEYS[1]) end return 0";
