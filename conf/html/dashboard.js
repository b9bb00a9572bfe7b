'use strict';

// The dashboard: shows each second what nginx knows, and hands operators'
// orders on. What servers say is set as text, never as markup.

const SECOND = 1000;
const PATIENCE = 4 * SECOND;        // with nginx's memory
const ORDER_PATIENCE = 20 * SECOND; // with what has to be stored
const NOTES_EVERY = 10 * SECOND;    // owners and reasons of throttles

// ---- small things -----------------------------------------------------------

const $ = id => document.getElementById(id);

// Only what differs is touched: selections and screen readers stay in peace.
function say(node, text) {
    if (node.textContent !== text)
        node.textContent = text;
}

function show(node, yes) {
    if (node.hidden === Boolean(yes))
        node.hidden = !yes;
}

// kind: good, warn, bad or none
function mark(node, kind, text) {
    if (node.dataset.kind !== kind)
        node.dataset.kind = kind;
    say(node, text);
}

function stamp(id) {
    const node = $(id).content.firstElementChild.cloneNode(true);

    node.parts = {};
    for (const part of node.querySelectorAll('[data-part]'))
        node.parts[part.dataset.part] = part;
    return node;
}

// Makes the children those of the items, in their order; who stays is kept.
function list(parent, items, key, make, fill) {
    const had = parent.nodes || new Map();
    const names = items.map(key);
    const stay = new Set(names);
    let at;

    for (const [name, node] of had)
        if (!stay.has(name))
            node.remove();
    parent.nodes = new Map();
    at = parent.firstElementChild;
    items.forEach((item, i) => {
        const node = had.get(names[i]) || make();

        if (node === at)
            at = at.nextElementSibling;
        else
            parent.insertBefore(node, at);
        parent.nodes.set(names[i], node);
        fill(node, item);
    });
}

// ---- numbers as people read them --------------------------------------------

function duration(ms) {
    if (ms === null || ms === undefined)
        return '–';
    if (ms < SECOND)
        return `${Math.round(ms)} ms`;
    if (ms < 10 * SECOND)
        return `${(ms / SECOND).toFixed(1)} s`;
    for (const [unit, size, most] of [['s', 1, 60], ['min', 60, 7200],
        ['h', 3600, 72 * 3600], ['d', 86400, Infinity]])
        if (ms / SECOND < most)
            return `${Math.floor(ms / SECOND / size)} ${unit}`;
}

function amount(value) {
    if (value === null || value === undefined)
        return '–';
    return Number.isInteger(value) ? String(value)
        : value.toFixed(Math.abs(value) < 100 ? 3 : 1);
}

function clock(time) {
    const two = n => String(n).padStart(2, '0');
    const at = new Date(time);
    const text = `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;

    if (at.toDateString() === new Date().toDateString())
        return text;
    return `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())} ${text}`;
}

// Ages are counted from when an answer came: the moment they stand for is the
// same as the last time, unless it is another.
const moments = new Map();

function since(name, age) {
    const time = Date.now() - age;

    if (!(Math.abs(time - moments.get(name)) < 3 * SECOND))
        moments.set(name, time);
    return clock(moments.get(name));
}

const count = (n, one, more) => `${n} ${n === 1 ? one : more || `${one}s`}`;
const hostName = h => `${h.Name.includes(':') ? `[${h.Name}]` : h.Name}:${h.Port}`;

// ---- what a cluster is told -------------------------------------------------

// Of a check now, as far as no app is asked for: [kind, sentence].
function verdict(cluster, node) {
    const metrics = cluster.Metrics;
    const values = m => `${m.Name} ${amount(m.Value)} of ${amount(m.Threshold)}`;
    const error = metrics.find(m => m.Status === 'error');
    const none = metrics.find(m => m.Status === 'none');
    const old = metrics.find(m => m.Stale);
    const over = metrics.find(m => m.Status === 'value' && m.Value > m.Threshold);

    if (node.LeaderOnly && !node.Leader)
        return ['none', 'Checks are answered by who leads'];
    if (!node.Ready)
        return ['bad', 'Checks fail: sluiced is starting'];
    if (node.FactsUnknown)
        return ['bad', 'Checks fail: who is throttled is not known yet'];
    if (error)
        return ['bad', `Checks fail: ${error.Name}: ${error.Error}`];
    if (none)
        return ['bad', `Checks fail: ${none.Name} has no value yet`];
    if (old)
        return ['bad', `Checks fail: ${old.Name} is ${duration(old.AgeMs)} old`];
    if (over)
        return ['warn', `Checks wait: ${over.Name} ${amount(over.Value)} is over ${amount(over.Threshold)}`];
    if (cluster.ShareDomainSeconds)
        return ['warn', `Checks wait: it is unhealthy elsewhere for ${cluster.ShareDomainSeconds} s (ShareDomain)`];
    return ['good', `Checks pass: ${metrics.map(values).join(', ')}`];
}

function writers(route, active) {
    if (route.Writers)
        return ['good', `go to ${hostName(active)}`];
    if (!route.Traffic)
        return ['warn', 'nobody is let in: traffic is off'];
    if (!active)
        return ['bad', `find no host: ${route.Reason}`];
    return ['bad', 'nobody is let in: the time for which they were agreed on is over'];
}

function traffic(route, name) {
    if (route.Traffic)
        return ['none', 'on'];
    return ['warn', `off since ${since(`traffic/${name}`, route.TrafficAgeMs)}: ${route.Message}`];
}

function epoch(route, name) {
    const age = route.ChangedAgeMs;

    if (age === null)
        return `${route.Epoch}: ${route.Reason}`;
    return `${route.Epoch}, since ${since(`epoch/${name}/${route.Epoch}`, age)} (${duration(age)} ago): ${route.Reason}`;
}

// ---- hosts ------------------------------------------------------------------

let serial = 0; // of names that buttons are described by

// As they are asked for their value, and as sessions are routed to them.
function merge(cluster, route) {
    const hosts = new Map();
    const own = cluster && cluster.Metrics.find(m => m.Name === 'lag');

    for (const probe of cluster ? cluster.Hosts : [])
        hosts.set(hostName(probe), { name: hostName(probe), probe, threshold: own.Threshold });
    for (const routed of route ? route.Hosts : []) {
        const name = hostName(routed);

        hosts.set(name, { ...hosts.get(name) || { name }, routed });
    }
    return [...hosts.values()];
}

function health({ probe, routed }) {
    if (routed && routed.Operator)
        return ['warn', `${routed.Operator} by an operator`];
    if (routed)
        return routed.Healthy || routed.Replica ? ['good', 'healthy'] : ['bad', 'unhealthy'];
    return {
        value: ['good', 'answers'], error: ['bad', 'in error'],
        pending: ['warn', 'no answer yet'], excluded: ['none', 'left out'],
    }[probe.Status] || ['none', probe.Status];
}

function why({ probe, routed }) {
    const texts = [];

    if (routed)
        texts.push(routed.Text);
    if (probe && probe.Status === 'excluded')
        texts.push(`left out of checks: ${probe.Excluded}`);
    else if (probe && probe.Text && (!routed || !routed.Text.includes(probe.Text)))
        texts.push(probe.Text);
    return texts.filter(text => text).join('; ');
}

// What sessions go there; where none are routed, what the host says itself.
function role({ probe, routed }) {
    if (!routed)
        return probe.Role || '–';
    if (routed.Active)
        return 'primary';
    return [routed.Replica && 'replica', routed.Inactive && 'inactive']
        .filter(text => text).join(', ') || '–';
}

function fillHost(node, host) {
    const { probe, routed } = host;
    const { parts } = node;
    const label = [routed && routed.Label, probe && probe.Address !== probe.Name && probe.Address];
    const state = routed ? routed.Operator : '';
    const more = probe ? probe.Metrics.map(m => `${m.Name} ${amount(m.Value)}`) : [];

    node.host = host;
    node.classList.toggle('is-active', Boolean(routed && routed.Active));
    say(parts.name, host.name);
    show(parts.active, routed && routed.Active);
    say(parts.label, label.filter(text => text).join(', '));
    say(parts.role, role(host));
    mark(parts.health, ...health(host));
    say(parts.why, why(host));
    mark(parts.lag, probe && probe.Value > host.threshold ? 'warn' : 'none',
        amount(probe && probe.Value !== null ? probe.Value : routed && routed.LagSeconds));
    say(parts.more, more.join(', '));
    say(parts.age, duration(probe && probe.AgeMs !== null ? probe.AgeMs : routed && routed.AgeMs));
    say(parts.sessions, routed ? String(routed.Sessions) : '–');
    show(parts.switch, routed && routed.Healthy && !routed.Active && state !== 'down');
    show(parts.drain, routed && state !== 'drained');
    show(parts.down, routed && state !== 'down');
    show(parts.up, state);
}

function makeHost(cluster) {
    const node = stamp('host');
    const order = (part, what) => node.parts[part].addEventListener('click',
        () => what(cluster, node.host));

    order('switch', askSwitch);
    order('drain', askDrain);
    order('down', askDown);
    order('up', askUp);
    node.parts.name.id = `host-${++serial}`;
    for (const part of ['switch', 'drain', 'down', 'up'])
        node.parts[part].setAttribute('aria-describedby', `${node.parts.name.id} ${cluster.nameId}`);
    return node;
}

// ---- clusters ---------------------------------------------------------------

function worst(...kinds) {
    return ['bad', 'warn'].find(kind => kinds.includes(kind)) || 'good';
}

function makeCluster() {
    const node = stamp('cluster');

    node.nameId = `cluster-${++serial}`;
    node.parts.name.id = node.nameId;
    node.setAttribute('aria-labelledby', node.nameId);
    node.parts.table.setAttribute('aria-labelledby', node.nameId);
    node.parts.turn.addEventListener('click', () => askTraffic(node));
    node.parts['by-hand'].addEventListener('click', () => askMode(node));
    return node;
}

function fillRoute(node, name, route) {
    const { parts } = node;
    const active = route && route.Hosts.find(h => h.Active);

    node.active = active && hostName(active);
    for (const line of ['writers', 'traffic', 'mode', 'epoch'])
        show(parts[`${line}-line`], route);
    show(parts.orders, route);
    if (!route)
        return;
    mark(parts.writers, ...writers(route, active));
    say(parts.epoch, epoch(route, name));
    mark(parts.traffic, ...traffic(route, name));
    mark(parts.mode, ...route.Mode === 'manual'
        ? ['warn', 'by hand: only an operator moves the active host']
        : ['none', 'automatic']);
    say(parts.turn, route.Traffic ? 'Turn traffic off…' : 'Turn traffic on…');
    say(parts['by-hand'], route.Mode === 'manual' ? 'Choose automatically…' : 'Choose by hand…');
}

function fillCluster(node, { name, cluster, route, status }) {
    const { parts } = node;
    const hosts = merge(cluster, route);
    const inventory = cluster && cluster.Inventory;

    node.name = name;
    node.route = route;
    say(parts.name, name);
    mark(parts.verdict, ...cluster ? verdict(cluster, status.Node)
        : ['bad', 'Checks are not answered']);
    fillRoute(node, name, route);
    node.kind = worst(parts.verdict.dataset.kind, ...route ? [parts.writers.dataset.kind] : [],
        ...hosts.map(host => health(host)[0]));
    show(parts['inventory-line'], inventory && inventory.Error);
    if (inventory && inventory.Error)
        mark(parts.inventory, 'warn', `${inventory.Provider}, as it said ${duration(inventory.AgeMs)} ago: ${inventory.Error}`);
    show(parts.table, hosts.length);
    show(parts['no-hosts'], !hosts.length);
    say(parts['no-hosts'], status.Node.NoDetail ? `Hosts cannot be read: ${status.Node.NoDetail}` : 'It has no hosts.');
    list(parts.hosts, hosts, host => host.name, () => makeHost(node), fillHost);
}

// ---- throttled apps ---------------------------------------------------------

let notes = {};
let notesOf = '';
let notesAt = 0;

// Who and why stands in the store, which is asked only when there is news. It
// may be long in answering: nobody waits for it.
function readNotes(throttles) {
    const of = throttles.map(t => `${t.Key} ${t.Ratio}`).join('\n');

    if (!throttles.length || of === notesOf && Date.now() < notesAt + NOTES_EVERY)
        return;
    notesOf = of;
    notesAt = Date.now();
    read('throttled-apps').then(got => { notes = got; }, () => {});
}

function fillRule(node, rule) {
    const { parts } = node;
    const note = notes[rule.Key] || {};
    const slash = rule.Key.lastIndexOf('/');
    const left = rule.ExpiresInSeconds;

    node.app = slash > 0 ? rule.Key.slice(0, slash) : rule.Key;
    node.cluster = slash > 0 ? rule.Key.slice(slash + 1) : '';
    say(parts.app, node.app);
    say(parts.cluster, node.cluster || 'all');
    say(parts.refused, `${Number((100 * rule.Ratio).toFixed(3))} %`);
    say(parts.ends, left === null ? 'never' : `in ${duration(left * SECOND)}`);
    say(parts.owner, note.Owner || '–');
    say(parts.reason, note.Reason || '–');
}

function makeRule() {
    const node = stamp('rule');

    node.parts.app.id = `app-${++serial}`;
    node.parts.lift.setAttribute('aria-describedby', node.parts.app.id);
    node.parts.lift.addEventListener('click', () => askLift(node));
    return node;
}

// ---- the page ---------------------------------------------------------------

let known = null;  // the last answer
let knownAt = 0;
let lost = '';     // why there is none any more
let stale = '';

function clustersOf(status) {
    const names = new Set([...Object.keys(status.Clusters), ...Object.keys(status.Routes)]);

    return [...names].sort().map(name => ({ name, status,
        cluster: status.Clusters[name], route: status.Routes[name] }));
}

function summary(clusters, throttles) {
    const hosts = clusters.flatMap(c => merge(c.cluster, c.route));
    const bad = hosts.filter(h => health(h)[0] === 'bad').length;

    return [count(clusters.length, 'cluster'),
        count(hosts.length, 'host') + (bad ? `, ${bad} unhealthy` : ''),
        count(throttles.length, 'throttled app')].join(' · ');
}

// Which of many clusters are worth a look.
function fillTrouble(nodes) {
    const trouble = nodes.filter(node => node.kind !== 'good');

    show($('trouble'), nodes.length > 1 && trouble.length);
    list($('trouble'), trouble, node => node.name, () => document.createElement('a'), (link, node) => {
        link.href = `#${node.nameId}`;
        mark(link, node.kind, node.name);
    });
}

function draw(status) {
    const clusters = clustersOf(status);

    list($('clusters'), clusters, c => c.name, makeCluster, fillCluster);
    list($('throttles').tBodies[0], status.Throttles, t => t.Key, makeRule, fillRule);
    fillTrouble([...$('clusters').nodes.values()]);
    show($('throttles'), status.Throttles.length);
    show($('no-throttles'), !status.Throttles.length);
    show($('no-clusters'), !clusters.length);
    say($('summary'), summary(clusters, status.Throttles));
}

// Why what stands here is not how it is now; '': it is.
function whyStale() {
    const node = known && known.Node;

    if (lost)
        return known ? `nginx does not answer: ${lost}. This is how it was at ${clock(knownAt)}.`
            : `nginx does not answer: ${lost}.`;
    if (node.NoState)
        return `nginx has nothing from sluiced: ${node.NoState}. Routes stand as they were said last.`;
    if (node.HeartbeatAgeMs === null)
        return 'sluiced has not said anything yet.';
    if (node.HeartbeatAgeMs > node.MaxAgeMs)
        return `sluiced is silent since ${since('heartbeat', node.HeartbeatAgeMs)}. This is how it was then; checks are refused.`;
    return '';
}

function tellFresh() {
    stale = whyStale();
    say($('stale'), stale && `Stale: ${stale}`);
    show($('stale'), stale);
    document.body.classList.toggle('is-stale', Boolean(stale));
    document.title = `${stale ? 'Stale: ' : ''}Sluice at ${location.host}`;
    say($('node'), stale ? location.host
        : `${location.host} ${known.Node.Leader ? 'leads' : 'follows'}`);
    mark($('fresh'), stale ? 'bad' : 'good', stale ? 'stale'
        : `live, ${clock(knownAt)}`);
}

// ---- asking nginx -----------------------------------------------------------

async function read(page) {
    const got = await fetch(page, { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) });

    if (!got.ok)
        throw new Error(`it answered ${got.status}`);
    return got.json();
}

async function look() {
    try {
        const status = await read('status');

        readNotes(status.Throttles);
        draw(status);
        if (lost)
            mayKnown = false;
        if (!mayKnown)
            mayAct();
        known = status;
        knownAt = Date.now();
        lost = '';
    } catch (error) {
        lost = error.name === 'TimeoutError' ? `nothing within ${duration(PATIENCE)}` : error.message;
    }
    tellFresh();
}

let looking = null;
let timer;

// The next look is a second after this one began.
function lookNow() {
    const begun = Date.now();

    if (looking)
        return looking;
    clearTimeout(timer);
    looking = look().finally(() => {
        looking = null;
        timer = setTimeout(lookNow, Math.max(100, SECOND - (Date.now() - begun)));
    });
    return looking;
}

let mayKnown = false;

// Where dashboard-operator.conf is included, and lets us.
async function mayAct() {
    let status = 500;

    mayKnown = true;
    try {
        status = (await fetch('do/', { cache: 'no-store', signal: AbortSignal.timeout(PATIENCE) })).status;
    } catch (error) {
        // As if it had not been asked.
    }
    if (status >= 500) {
        mayKnown = false;
        return;
    }
    document.body.dataset.may = status === 200 ? 'act' : 'look';
    say($('look'), status === 404 ? 'Read only: this page takes no orders here.'
        : `Read only: orders are not taken from you (${status}).`);
    show($('look'), status !== 200);
}

// ---- orders -----------------------------------------------------------------

async function sentence(got) {
    const text = await got.text();

    try {
        return JSON.parse(text).Message || text;
    } catch (error) {
        return got.status === 403 ? 'nginx answered 403: orders are not taken from you'
            : `nginx answered ${got.status} ${got.statusText}`;
    }
}

async function order(method, path, fields) {
    let got;

    try {
        got = await fetch(`do/${path.map(encodeURIComponent).join('/')}`, {
            method, body: new URLSearchParams(fields), cache: 'no-store', redirect: 'error',
            headers: { 'Sluice-Request': '1' }, signal: AbortSignal.timeout(ORDER_PATIENCE),
        });
    } catch (error) {
        throw new Error('no answer came: it may or may not have been stored; look, and repeat it');
    }
    if (got.status === 403)
        mayAct();
    if (!got.ok)
        throw new Error(await sentence(got));
}

let asked = null;

function makeField({ name, label, ...of }) {
    const line = document.createElement('label');
    const input = document.createElement(of.options ? 'select' : 'input');
    const { options, ...rest } = of;

    for (const [value, text] of options || [])
        input.add(new Option(text, value));
    Object.assign(input, { name, ...rest });
    line.append(label, input);
    return line;
}

// what: title, says, yes, fields, done and send, which is called with the
// fields' values when the operator has confirmed.
function ask(what) {
    asked = what;
    say($('ask-title'), what.title);
    say($('ask-says'), stale ? `${what.says} Beware: what this page shows is stale.` : what.says);
    say($('ask-yes'), what.yes);
    say($('ask-error'), '');
    $('ask-fields').replaceChildren(...(what.fields || []).map(makeField));
    $('ask').showModal();
    (($('ask-fields').querySelector('input, select')) || $('ask-no')).focus();
}

async function confirmed(event) {
    const what = asked;
    const buttons = [$('ask-yes'), $('ask-no')];

    event.preventDefault();
    say($('ask-error'), '');
    buttons.forEach(button => { button.disabled = true; });
    try {
        await what.send(Object.fromEntries(new FormData(event.target)));
        $('ask').close();
        say($('done'), `Stored at ${clock(Date.now())}: ${what.done}.`);
        lookNow();
    } catch (error) {
        say($('ask-error'), error.message);
    }
    buttons.forEach(button => { button.disabled = false; });
}

const REASON = { name: 'reason', label: 'Reason', maxLength: 150, autocomplete: 'off' };

function askSwitch(cluster, { name }) {
    ask({
        title: `Make ${name} active in ${cluster.name}?`,
        says: cluster.active
            ? `Every writer's session on ${cluster.active} ends at once, on all nodes; new ones go to ${name}.`
            : `Writers go to ${name} from then on.`,
        fields: [REASON],
        yes: `Make ${name} active`,
        done: `${name} is active in ${cluster.name}`,
        send: values => order('POST', ['route', cluster.name, 'switch'], { host: name, ...values }),
    });
}

function askState(cluster, name, state, what) {
    ask({
        ...what,
        done: `${name} of ${cluster.name} is ${state}`,
        send: () => order('POST', ['route', cluster.name, 'host'], { host: name, state }),
    });
}

function askDrain(cluster, { name, routed }) {
    askState(cluster, name, 'drained', {
        title: `Drain ${name} of ${cluster.name}?`,
        says: routed.Active
            ? `It is the active host: another that can becomes active, and every writer's session on ${name} ends. If none can, it stays.`
            : `It gets no new sessions, and is active only if no other host can be. Those it has may stay.`,
        yes: `Drain ${name}`,
    });
}

function askDown(cluster, { name, routed }) {
    askState(cluster, name, 'down', {
        title: `Take ${name} of ${cluster.name} down?`,
        says: `Every session on ${name} ends, and it gets none until it is brought up again.${routed.Active
            ? ' It is the active host: another that can becomes active; if none can, writers find no host.' : ''}`,
        yes: `Take ${name} down`,
    });
}

function askUp(cluster, { name }) {
    askState(cluster, name, 'up', {
        title: `Bring ${name} of ${cluster.name} up?`,
        says: `It gets sessions again, as far as it is healthy.`,
        yes: `Bring ${name} up`,
    });
}

function askTraffic({ name, route }) {
    const off = route.Traffic;
    const message = { name: 'message', label: 'Message for those who connect', required: true,
        maxLength: 200, autocomplete: 'off' };

    ask({
        title: `Turn traffic of ${name} ${off ? 'off' : 'on'}?`,
        says: off ? `Every session of ${name} ends at once, on all nodes, and nobody is let in but told the message.`
            : `Sessions of ${name} are let in again, on all nodes.`,
        fields: off ? [message] : [],
        yes: `Turn traffic ${off ? 'off' : 'on'}`,
        done: `traffic of ${name} is ${off ? 'off' : 'on'}`,
        send: values => order('POST', ['route', name, 'traffic'], { trafficEnabled: !off, ...values }),
    });
}

function askMode({ name, route }) {
    const manual = route.Mode === 'manual';

    ask({
        title: manual ? `Let Sluice choose the active host of ${name}?` : `Choose the active host of ${name} by hand?`,
        says: manual ? 'The active host moves again when it cannot be active any more, perhaps at once.'
            : 'Nobody moves the active host any more but an operator, even from one that is dead.',
        yes: manual ? 'Choose automatically' : 'Choose by hand',
        done: `the active host of ${name} is chosen ${manual ? 'automatically' : 'by hand'}`,
        send: () => order('POST', ['route', name, 'mode'], { mode: manual ? 'automatic' : 'manual' }),
    });
}

function askThrottle() {
    const clusters = known ? Object.keys(known.Clusters).sort() : [];

    ask({
        title: 'Throttle an app?',
        says: 'Its checks are refused (417), on all nodes, whatever the clusters say.',
        fields: [
            { name: 'app', label: 'App', required: true, maxLength: 128, pattern: '[^\\/]+',
                title: 'a name without a slash', autocomplete: 'off' },
            { name: 'store_name', label: 'Cluster', options: [['', 'all'], ...clusters.map(c => [c, c])] },
            { name: 'percent', label: 'Percent of checks', type: 'number', min: 0, max: 100, step: 'any',
                value: 100, required: true },
            { name: 'ttl', label: 'Minutes (none: no end)', type: 'number', min: 1, max: 525600, value: 60 },
            { name: 'owner', label: 'Owner', maxLength: 128 },
            { ...REASON, maxLength: 256 },
        ],
        yes: 'Throttle',
        done: 'the app is throttled',
        send: ({ app, percent, ...values }) => order('POST', ['throttle-app', app],
            { ratio: percent / 100, ...values, ttl: values.ttl || 0 }),
    });
}

function askLift({ app, cluster }) {
    const where = cluster ? ` in ${cluster}` : '';

    ask({
        title: `Lift the throttle of ${app}${where}?`,
        says: 'Its checks are answered as everybody\'s, on all nodes.',
        yes: 'Lift',
        done: `${app} is not throttled${where} any more`,
        send: () => order('DELETE', ['throttle-app', app], cluster ? { store_name: cluster } : {}),
    });
}

// ---- the beginning ----------------------------------------------------------

$('ask').querySelector('form').addEventListener('submit', confirmed);
$('ask-no').addEventListener('click', () => $('ask').close());
// Escape, too, waits for what was sent.
$('ask').addEventListener('cancel', event => { if ($('ask-no').disabled) event.preventDefault(); });
$('throttle').addEventListener('click', askThrottle);
document.addEventListener('visibilitychange', () => { if (!document.hidden) lookNow(); });
lookNow();
