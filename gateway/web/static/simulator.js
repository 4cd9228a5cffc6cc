// The demonstration: phones, a clock, an operator's faults and a mailbox, over the simulator's JSON.
'use strict';

const bench = document.getElementById('main');
const by = (id) => document.getElementById(id);
const zone = bench.dataset.timezone;
const price = Number(bench.dataset.price);
const phones = new Map(); // number -> { node, log, field, last }
const bubbles = new Map(); // key of a row -> its bubble
const mails = new Set();
const MOST_PHONES = 12;
let down = false; // the service did not answer the last time
const STATUSES = {
  accepted: 'accepté', scheduled: 'programmé', queued: 'en attente', sending: 'en cours d’envoi', sent: 'envoyé',
  delivered: 'remis', undelivered: 'non remis', failed: 'refusé', received: 'reçu', canceled: 'annulé',
};

async function call(path, body) {
  const answer = await fetch('/simulator/api/' + path, body && {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error('HTTP ' + answer.status);
  return answer.json();
}

// Do what was asked for, say so if it failed, then look at what changed. Answers whether it worked.
async function act(path, body, pressed) {
  if (pressed) pressed.disabled = true;
  try {
    await call(path, body);
    put(by('alert'), '');
    refresh();
    return true;
  } catch (error) {
    put(by('alert'), 'Cela n’a pas marché (' + error.message + '). Essayez de nouveau.');
    return false;
  } finally {
    if (pressed) pressed.disabled = false;
  }
}

function put(node, text) { if (node.textContent !== text) node.textContent = text; }
function copy(id) { return by(id).content.firstElementChild.cloneNode(true); }
function element(tag, className, text = '') {
  const node = document.createElement(tag);
  node.className = className;
  node.textContent = text;
  return node;
}
function format(options) {
  const formatter = new Intl.DateTimeFormat('fr-FR', { timeZone: zone, ...options });
  return (moment) => formatter.format(new Date(moment));
}
const shortTime = format({ weekday: 'short', day: 'numeric', hour: '2-digit', minute: '2-digit' });
const longTime = format({ dateStyle: 'full', timeStyle: 'medium' });
const euros = (amount) => amount.toLocaleString('fr-FR', { style: 'currency', currency: 'EUR', maximumFractionDigits: 3 });

// ---- phones ----

function addPhone({ phone, name, note }) {
  if (phones.has(phone)) return phones.get(phone);
  const node = copy('phone');
  const log = node.querySelector('.screen');
  const shown = name || 'Téléphone ' + (phones.size + 1);
  const made = { node, log, field: node.querySelector('input'), last: '' };
  node.querySelector('.name').textContent = shown;
  node.querySelector('.number').textContent = phone.replace(/^(\+33)(\d)(\d\d)(\d\d)(\d\d)(\d\d)$/, '$1 $2 $3 $4 $5 $6');
  node.querySelector('.about').textContent = note || '';
  node.querySelector('label span').textContent = 'SMS de ' + shown;
  node.setAttribute('aria-label', shown);
  log.setAttribute('aria-label', 'SMS de ' + shown);
  if (phones.size) node.querySelector('.try').replaceChildren(element('p', '', 'Aucun SMS.'));
  node.querySelector('form').addEventListener('submit', (event) => {
    event.preventDefault();
    say(phone, made.field.value);
  });
  node.addEventListener('click', ({ target }) => {
    const button = target.closest('button');
    if (!button) return;
    if (button.dataset.say) say(phone, button.dataset.say);
    if (button.dataset.trick === 'repeat') say(phone, made.field.value || made.last, { repeat: 2 });
    if (button.dataset.trick === 'photo') say(phone, made.field.value, { media: 1 });
  });
  phones.set(phone, made);
  by('phones').append(node);
  return made;
}

async function say(phone, body, more = {}) {
  const { field } = phones.get(phone);
  const typed = field.value;
  if (!body.trim() && !more.media) return field.focus();
  if (typed === body) field.value = '';
  if (!(await act('messages', { from: phone, body, ...more })) && !field.value) field.value = typed;
}

function drawMessages(rows) {
  const seen = new Map();
  for (const row of rows) {
    const phone = row.direction === 'in' ? row.from : row.to;
    if (!phones.has(phone) && phones.size >= MOST_PHONES) continue;
    const { log } = phones.get(phone) || addPhone({ phone });
    const times = (seen.get(row.direction + row.sid) || 0) + 1;
    seen.set(row.direction + row.sid, times);
    const key = row.direction + row.sid + '/' + times;
    const fresh = !bubbles.has(key);
    if (fresh) {
      bubbles.set(key, bubble(row));
      log.querySelector('.try')?.remove();
      log.append(bubbles.get(key));
      if (row.direction === 'in') phones.get(phone).last = row.body;
    }
    if (row.direction === 'out') drawDetails(bubbles.get(key), row);
    if (fresh) log.scrollTop = log.scrollHeight;
  }
}

function bubble(row) {
  const node = element('div', 'message ' + (row.direction === 'in' ? 'me' : 'service'));
  const text = element('p', 'text', row.body);
  text.dir = 'auto';
  node.append(text, element('p', 'meta', shortTime(row.at)));
  if (row.direction === 'out') node.append(element('p', 'meta cost'), element('p', 'meta names', (row.responses || []).join(' ')));
  return node;
}

function drawDetails(node, row) {
  const count = row.segments + (row.segments > 1 ? ' segments' : ' segment');
  const details = [count, row.encoding, STATUSES[row.status] || row.status, '≈\u00a0' + euros(row.segments * price)];
  put(node.querySelector('.cost'), details.filter(Boolean).join(' · '));
  node.classList.toggle('failed', ['undelivered', 'failed'].includes(row.status));
}

by('add-phone').addEventListener('click', () => {
  let phone;
  do phone = '+3363998' + String(Math.floor(Math.random() * 10000)).padStart(4, '0'); while (phones.has(phone));
  addPhone({ phone }).field.focus();
});

// ---- clock ----

function drawClock({ now }) {
  put(by('now'), longTime(now));
  if (!by('moment').value) by('moment').value = new Date(now).toLocaleString('sv-SE', { timeZone: zone }).replace(' ', 'T').slice(0, 16);
}

// A date and time as read on a clock there, with that place's offset from UTC.
function zoned(local) {
  const parts = new Intl.DateTimeFormat('en', { timeZone: zone, timeZoneName: 'longOffset' }).formatToParts(new Date(local + 'Z'));
  return local + ':00' + (parts.find((part) => part.type === 'timeZoneName').value.slice(3) || 'Z');
}

bench.addEventListener('click', ({ target }) => {
  if (target.dataset.advance) act('clock', { advance: target.dataset.advance }, target);
});
by('clock').addEventListener('submit', (event) => {
  event.preventDefault();
  act('clock', { now: zoned(by('moment').value) }, event.target.querySelector('button'));
});

// ---- the operator's faults ----

function drawCarrier({ fault }) {
  if (document.activeElement !== by('fault')) by('fault').value = fault || '';
  put(by('fault-help'), by('fault').selectedOptions[0].dataset.help);
}

by('fault').addEventListener('change', () => act('carrier', { fault: by('fault').value || null }));

// ---- mailbox ----

function drawMails(rows) {
  for (const mail of rows) {
    const key = [mail.at, mail.to, mail.subject, mail.text].join('\n');
    if (mails.has(key)) continue;
    mails.add(key);
    const node = copy('mail');
    node.className = 'unread';
    node.querySelector('.subject').textContent = mail.subject;
    node.querySelector('summary .meta').textContent = mail.to + ' · ' + shortTime(mail.at);
    node.querySelector('.text').append(...withLinks(mail.text));
    node.querySelector('.files').textContent = (mail.attachments || []).map((file) => 'Pièce jointe : ' + (file.filename || file.name || file)).join(' · ');
    node.querySelector('details').addEventListener('toggle', () => { node.className = ''; });
    by('mails').prepend(node);
  }
  by('no-mail').hidden = mails.size > 0;
  put(by('mail-count'), mails.size ? '(' + mails.size + ')' : '');
}

function withLinks(text) {
  return text.split(/(https?:\/\/[^\s<>"]*[^\s<>".,;:!?)])/).map((piece, rank) => {
    if (rank % 2 === 0) return piece;
    const link = element('a', '', piece);
    link.href = piece;
    return link;
  });
}

// ---- every second, while the page is looked at ----

async function refresh() {
  try {
    const [rows, clock, carrier, letters] = await Promise.all(['messages', 'clock', 'carrier', 'mails'].map((path) => call(path)));
    drawMessages(rows);
    drawClock(clock);
    drawCarrier(carrier);
    drawMails(letters);
    if (down) put(by('alert'), '');
    down = false;
  } catch (error) {
    down = true;
    put(by('alert'), 'Le service ne répond pas (' + error.message + '). La page essaie de nouveau.');
  }
}

async function watch() {
  if (!document.hidden) await refresh();
  setTimeout(watch, 1000);
}

JSON.parse(bench.dataset.phones).forEach(addPhone);
phones.values().next().value?.field.focus({ preventScroll: true });
watch();
