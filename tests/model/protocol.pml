/*
 * The protocol between clients, kernel queue and engine. README.md maps each process to its room
 * in crates/msgqd/src/engine and lists what is abstracted away.
 *
 * ./run chooses a scenario with -D: CAP places in the queue, TABLE entries in the outbox, WORKERS,
 * and how many clients of each kind: CLOSED, PIPE (DEPTH requests ahead), CRASH, NEVER, JUNK.
 * With SECOND_QUEUE answers go into a queue of their own, of as many places; with PRIVATE_QUEUES each client has one.
 * A switch named WITHOUT_ takes one rule away, and one named LIMIT_ one assumption.
 */
#define PIDS (CLOSED + PIPE + CRASH + NEVER + JUNK)
#define WELL_BEHAVED (CLOSED + PIPE + CRASH)
#define NOBODY 255
#define REQUEST 0
#define ANSWER 1

/* One System V queue: kind, PID (claimed by a request, mtype of an answer), and two fields that
 * only the assertions look at: which incarnation of the PID asked, and the sequence number. */
chan queue = [CAP] of { byte, byte, byte, byte };
chan handed[PIDS] = [1] of { byte, byte };
bool reading[PIDS];
bool alive[PIDS];
byte incarnation[PIDS];

/* Where the answers of a client go. */
#ifdef PRIVATE_QUEUES
chan own[PIDS] = [CAP] of { byte, byte, byte, byte };
#define answers(p) own[p]
#elif defined(SECOND_QUEUE)
chan second = [CAP] of { byte, byte, byte, byte };
#define answers(p) second
#else
#define answers(p) queue
#endif

/* For a request, and for an answer. */
#define space (len(queue) < CAP)
#define room(p) (len(answers(p)) < CAP)
#define rests(p) (answers(p)??[ANSWER, eval(p), _, _])
#define asks(p) (queue??[REQUEST, eval(p), _, _])

/* What msgsnd does once the message fits: a blocked reader gets it without its ever resting. */
inline put_answer(p, i, s) {
    if
#ifdef PRIVATE_QUEUES
    /* The queue that was named is gone with its client. */
    :: !alive[p] || i != incarnation[p]
    :: alive[p] && i == incarnation[p] && reading[p] -> reading[p] = false; handed[p]!i,s
    :: alive[p] && i == incarnation[p] && !reading[p] -> answers(p)!ANSWER,p,i,s
#else
    :: reading[p] -> reading[p] = false; handed[p]!i,s
    :: else -> answers(p)!ANSWER,p,i,s
#endif
    fi
}

/* The table. It has one lock, so each use of it is one atomic step. */
chan line[PIDS] = [TABLE + 1] of { byte, byte };
bool held[PIDS];
bool offered[PIDS];
byte in_flight[PIDS];
byte used;
byte courier_on = NOBODY;
byte janitor_on = NOBODY;

/* For the properties and assumptions only: `waits` from the first request to the last answer;
 * `swept` once the janitor is done with a dead PID; `short_steps` counts workers between two steps
 * that are closer together than the death and reuse of a PID. */
bool waits[PIDS];
bool sending[PIDS];
bool courier_sends;
#ifdef WITHOUT_BOUNDED_WAIT
/* No request came since the courier began to wait for room; until then it does not try. */
bool calm;
#else
#define calm true
#endif
bool swept[PIDS];
byte short_steps[PIDS];

byte victim, k, old_len, tmp_i, tmp_s;

inline clear_scratch() { victim = 0; k = 0; old_len = 0; tmp_i = 0; tmp_s = 0 }

inline rotate(p, times) {
    k = times;
    do
    :: k > 0 -> line[p]?tmp_i,tmp_s; line[p]!tmp_i,tmp_s; k--
    :: else -> break
    od
}

/* Who has read an answer, and who counts as never having read: a well-behaved client begins to read before its
 * time to do so is over. */
bool has_read[PIDS];
#ifdef LIMIT_LATE_FIRST_READ
#define never_read(p) (!has_read[p])
#else
#define never_read(p) (!has_read[p] && (p) >= WELL_BEHAVED)
#endif
#define entries(p) (len(line[p]) + offered[p])

/* At the limit, for a client that has read, the heaviest that never read and has two entries loses its newest. Else it is
 * the client with most entries; among equals it is the one that
 * asks for room. What the courier has in hand may be with its client already and decides only
 * between equals; an offer that has been read meanwhile is given up instead. */
#ifdef WITHOUT_SETTLING
#define weight(p) (len(line[p]) + offered[p])
#define stale_offer(p) false
#else
#define weight(p) (2 * (len(line[p]) + offered[p]) - (courier_on == (p)))
#define stale_offer(p) (offered[p] && !rests(p))
#endif

#define may_pay_first(p, k) (has_read[p] && never_read(k) && entries(k) > 1)

inline shed_if_over(p) {
    if
    :: used > TABLE ->
        victim = p;
        k = 0;
        do
        :: k < PIDS ->
            if
            :: may_pay_first(p, k) && (!may_pay_first(p, victim) || weight(k) > weight(victim)) -> victim = k
            :: !may_pay_first(p, k) && !may_pay_first(p, victim) && weight(k) > weight(victim) -> victim = k
            :: else
            fi;
            k++
        :: else -> break
        od;
        if
        :: stale_offer(victim) -> offered[victim] = false
        :: else ->
            assert(victim >= WELL_BEHAVED);
            rotate(victim, len(line[victim]) - 1);
            line[victim]?tmp_i,tmp_s
        fi;
        used--
    :: else
    fi
}

inline append(p, i, s) {
    d_step { line[p]!i,s; held[p] = true; used++; shed_if_over(p); clear_scratch() }
}

inline insert(p, position, i, s) {
    d_step {
        old_len = len(line[p]);
        rotate(p, position);
        line[p]!i,s;
        rotate(p, old_len - position);
        used++;
        shed_if_over(p);
        clear_scratch()
    }
}

inline forget_offer(p) {
    if :: offered[p] -> offered[p] = false; used-- :: else fi
}

/* The janitor's hold on a client outlasts an empty line. */
#ifdef WITHOUT_JANITOR_HOLD
#define janitor_holds(p) false
#else
#define janitor_holds(p) (janitor_on == (p))
#endif

inline release_if_done(p) {
    if :: len(line[p]) == 0 && !offered[p] && !janitor_holds(p) -> held[p] = false :: else fi
}

/* engine/threads/answering.rs. A slow handler takes the client's identity at receipt and checks it before
 * the answer goes out; the echo handler is quicker than any reuse of a PID and does not. */
#ifdef WITHOUT_IDENTITY
#define gone(p) false
#else
#define gone(p) (slow && (!alive[p] || incarnation[p] != identity))
#endif

/* An answer goes to the line unless it can be the only one of its client in queue and flight. */
#ifdef WITHOUT_HELD_CHECK
#define must_queue(p) rests(p)
/* The kernel keeps the order in a queue of the client's own. */
#elif defined(WITHOUT_WORKERS_PROBE) || defined(PRIVATE_QUEUES)
#define must_queue(p) (held[p] || in_flight[p] > 0)
#else
#define must_queue(p) (held[p] || in_flight[p] > 0 || rests(p))
#endif

proctype worker() {
    byte p, i, s, identity;
    bool slow;
end_idle:
    do
    :: atomic {
            queue??REQUEST,p,i,s;
#ifdef WITHOUT_BOUNDED_WAIT
            calm = false;
#endif
            identity = incarnation[p];
#if CRASH
            if :: slow = true :: slow = false fi;
#endif
            if :: gone(p) -> goto forgotten :: else fi;
            if :: !slow -> short_steps[p]++ :: else fi
        }
#ifdef REFERENCE
        atomic { room(p) -> put_answer(p, i, s); goto finish }
#else
        atomic {
            if :: gone(p) -> goto forgotten :: else fi;
            if :: slow -> short_steps[p]++ :: else fi;
            if
            :: must_queue(p) -> append(p, i, s); goto finish
            :: else -> in_flight[p]++
            fi
        }
#ifdef WITHOUT_OUTBOX
        room(p);
#endif
        atomic {
            if
            :: room(p) -> put_answer(p, i, s); in_flight[p]--; goto finish
            :: else
            fi
        }
        atomic { append(p, i, s); in_flight[p]-- }
#endif
finish:
        atomic {
            short_steps[p]--;
            if :: !slow && !alive[p] -> swept[p] = false :: else fi
        }
forgotten:
        atomic { p = 0; i = 0; s = 0; identity = 0; slow = false }
    od
}

/* Round robin where fairness matters; any order otherwise, which is more than round robin. */
#define ANY(what) (what(0) || what(1 % PIDS) || what(2 % PIDS) || what(3 % PIDS) || what(4 % PIDS))
#ifdef TARGET
#define PICK(turn, what) do :: what(turn) -> break :: else -> turn = (turn + 1) % PIDS od
#define PASS_ON(turn) turn = (turn + 1) % PIDS
#else
#define PICK(turn, what) if :: what(0) -> turn = 0 :: what(1 % PIDS) -> turn = 1 % PIDS \
    :: what(2 % PIDS) -> turn = 2 % PIDS :: what(3 % PIDS) -> turn = 3 % PIDS \
    :: what(4 % PIDS) -> turn = 4 % PIDS fi
#define PASS_ON(turn) turn = 0
#endif

/* engine/threads/courier.rs. */
#ifdef PRIVATE_QUEUES
#define may_offer(p) room(p)
#elif defined(WITHOUT_COURIER_LIMIT)
#define may_offer(p) true
#elif defined(WITHOUT_COURIERS_PROBE)
#define may_offer(p) (!offered[p])
#else
#define may_offer(p) (!offered[p] && !rests(p))
#endif
#define deliverable(p) (len(line[p]) > 0 && janitor_on != (p) && in_flight[p] == 0 && may_offer(p))

proctype courier() {
    byte turn, i, s;
end_idle:
    do
    :: atomic {
            ANY(deliverable) -> PICK(turn, deliverable);
            courier_on = turn;
            courier_sends = true;
            line[turn]?<i,s>
        }
#ifdef WITHOUT_BOUNDED_WAIT
send:
#endif
        if
        :: atomic { room(turn) && calm -> put_answer(turn, i, s); courier_sends = false; i = 0; s = 0 }
            atomic {
                line[turn]?_,_;
                if
#ifndef PRIVATE_QUEUES
                :: rests(turn) && !offered[turn] -> offered[turn] = true
#endif
                :: else -> used--
                fi;
                release_if_done(turn);
                courier_on = NOBODY; PASS_ON(turn)
            }
#ifdef WITHOUT_BOUNDED_WAIT
        :: atomic { !calm && !queue??[REQUEST,_,_,_] -> calm = true }
            goto send
#endif
#ifndef WITHOUT_INTERRUPT
        :: atomic {
                janitor_on == turn ->
                courier_sends = false; i = 0; s = 0;
                courier_on = NOBODY; PASS_ON(turn)
            }
#endif
        fi
    od
}

/* engine/threads/janitor.rs. */
#define consumed(p) (alive[p] && offered[p] && !rests(p) && courier_on != (p))
#define dirty(p) (!alive[p] && (!swept[p] || rests(p)))
#if defined(WITHOUT_RECALL) || defined(PRIVATE_QUEUES)
#define clogs(p) false
#else
#define clogs(p) (alive[p] && rests(p) && !room(p))
#endif
#define needs_janitor(p) (consumed(p) || dirty(p) || clogs(p))
#ifdef WITHOUT_WAIT
#define undisturbed(p) true
#else
#define undisturbed(p) (in_flight[p] == 0 && courier_on != (p))
#endif

proctype janitor() {
    byte turn, position, i, s;
end_idle:
    do
    :: atomic {
            ANY(needs_janitor) -> PICK(turn, needs_janitor);
            if
            :: consumed(turn) -> forget_offer(turn); release_if_done(turn); goto done
            :: else -> held[turn] = true; janitor_on = turn
            fi
        }
        atomic { undisturbed(turn) -> if :: dirty(turn) -> goto clean :: else fi }
        do
        :: atomic { rests(turn) -> answers(turn)??ANSWER,eval(turn),i,s };
            atomic {
                forget_offer(turn);
                insert(turn, position, i, s);
                position++; i = 0; s = 0
            }
        :: atomic {
                !rests(turn) ->
                forget_offer(turn);
                janitor_on = NOBODY;
                release_if_done(turn);
                goto done
            }
        od;
clean:
        do
        :: atomic { rests(turn) -> answers(turn)??ANSWER,eval(turn),_,_ }
        :: atomic { !rests(turn) ->
                used = used - len(line[turn]) - offered[turn];
                do
                :: len(line[turn]) > 0 -> line[turn]?_,_
                :: else -> break
                od;
                offered[turn] = false;
                held[turn] = false;
                swept[turn] = true;
                break
            }
        od;
done:   atomic { position = 0; janitor_on = NOBODY; PASS_ON(turn) }
    od
}

/* Assumptions about a PID's reuse; see README.md. */
#ifdef LIMIT_EARLY_REUSE
#define may_be_reused(p) true
#elif defined(LIMIT_REUSE_WHILE_ASKING)
#define may_be_reused(p) (swept[p] && short_steps[p] == 0)
#else
#define may_be_reused(p) (swept[p] && short_steps[p] == 0 && !asks(p))
#endif

/* Numbers repeat after two rounds. One closed-loop client stands for all that are like it, so the
 * others do not count. */
#define numbers(p) (depth == 1 && p > 0 -> 1 : 2 * depth)

inline check_answer(p, i, s) {
    assert(i == incarnation[p]);
    has_read[p] = true;
#ifdef ANY_ORDER
    assert((s + numbers(p) - due) % numbers(p) < depth && !(seen & (1 << s)));
    seen = seen | (1 << s);
    owed--;
    if :: owed == 0 -> due = (due + depth) % numbers(p); seen = 0 :: else fi;
#else
    assert(s == due);
    due = (due + 1) % numbers(p);
    owed--;
#endif
    if :: owed == 0 -> asking = true; sending[p] = true; waits[p] = false :: else fi;
    i = 0; s = 0
}

/* Asks `depth` times, then reads `depth` answers, again and again. A mortal one may die at any
 * step; once, its PID is then given to a newcomer. */
proctype client(byte p, depth; bool mortal) {
    byte due, owed, seen, i, s;
    bool asking = true;
    do
    :: atomic {
            asking && alive[p] && space ->
            queue!REQUEST,p,incarnation[p],(due + owed) % numbers(p);
            owed++;
            waits[p] = true;
            if :: owed == depth -> asking = false; sending[p] = false :: else fi
        }
    :: atomic { !asking && rests(p) && !reading[p] && len(handed[p]) == 0 ->
            answers(p)??ANSWER,eval(p),i,s; check_answer(p, i, s) }
    :: atomic { !asking && !rests(p) && !reading[p] && len(handed[p]) == 0 -> reading[p] = true }
    :: atomic { handed[p]?i,s -> check_answer(p, i, s) }
    :: atomic {
            mortal ->
            mortal = false;
            alive[p] = false; has_read[p] = false; reading[p] = false; waits[p] = false; sending[p] = false;
            swept[p] = false;
            if :: nempty(handed[p]) -> handed[p]?_,_ :: empty(handed[p]) fi;
#ifdef PRIVATE_QUEUES
            do :: rests(p) -> answers(p)??ANSWER,eval(p),_,_ :: else -> break od;
#endif
            due = 0; owed = 0; seen = 0;
            may_be_reused(p) ->
            incarnation[p]++; alive[p] = true; asking = true; sending[p] = true
        }
    od
}

/* Asks without end and never reads; or stops asking at some point and stays alive. */
proctype never_reads(byte p) {
end_full:
    do
    :: atomic { space -> queue!REQUEST,p,0,0 }
    :: break
    od
}

/* Forges answers for a PID that nobody has. */
proctype junk(byte p) {
end_full:
    do
    :: atomic { room(p) -> answers(p)!ANSWER,p,0,0 }
    :: break
    od
}

init {
    byte n;
    atomic {
        do
        :: n < PIDS ->
            if
            :: n < CLOSED -> run client(n, 1, false)
            :: n >= CLOSED && n < CLOSED + PIPE -> run client(n, DEPTH, false)
            :: n >= CLOSED + PIPE && n < WELL_BEHAVED -> run client(n, 1, true)
            :: n >= WELL_BEHAVED && n < WELL_BEHAVED + NEVER -> run never_reads(n)
            :: n >= WELL_BEHAVED + NEVER -> run junk(n)
            fi;
            alive[n] = (n < WELL_BEHAVED + NEVER);
            sending[n] = (n < WELL_BEHAVED);
            swept[n] = !alive[n];
            n++
        :: n == PIDS -> break
        od;
        n = 0;
        do
        :: n < WORKERS -> run worker(); n++
        :: n == WORKERS -> break
        od;
#ifndef REFERENCE
        run courier();
        run janitor();
#endif
        n = 0
    }
}

/* A courier that tries, and goes on to the next client, never waits for room. */
#ifdef PRIVATE_QUEUES
#define courier_room true
#else
#define courier_room room(0)
#endif

/* Assumed of the kernel: if space comes up again and again, whoever blocks for it gets some. */
#define target_sends sending[TARGET]
#define target_waits waits[TARGET]
#ifdef TARGET
ltl answered {
    (([]<>space -> []<>!target_sends) && ([]<>(courier_room && calm) -> []<>!courier_sends)) ->
        ([]<>target_waits && []<>!target_waits)
}
#endif
