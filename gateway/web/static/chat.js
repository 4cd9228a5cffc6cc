// The conversation without reloading the page. Written for old browsers; everything works without this file,
// and as soon as something is missing or fails the forms are posted as usual.
(function () {
  'use strict';
  function by(id) { return document.getElementById(id); }
  var log = by('log'), field = by('body'), composer = by('composer');
  var live = false, failures = 0, source = null, late = null;

  function each(selector, act) { Array.prototype.forEach.call(log.querySelectorAll(selector), act); }
  function remove(node) { node.parentNode.removeChild(node); }
  function append(tag, className, html, text) {
    var made = document.createElement(tag);
    made.className = className;
    made.innerHTML = html;
    (made.querySelector('.text') || made).textContent = text;
    return log.appendChild(made);
  }
  function note(text) { // the last line of the log: "the answer is coming" or "no network"
    each('.note', remove);
    if (text) append('p', 'note', '', text);
  }
  function scrollToNewest() { // to the end, but never past the beginning of what is new
    var first = log.lastElementChild;
    for (var i = 0; i < 5 && first && !first.classList.contains('me') && first.previousElementSibling; i++) {
      first = first.previousElementSibling;
    }
    if (first) window.scrollTo(0, Math.min(first.getBoundingClientRect().top + window.pageYOffset - 8,
      document.documentElement.scrollHeight - window.innerHeight));
  }

  function receive(event) {
    var data = JSON.parse(event.data), box = document.createElement('div'), pending = log.querySelector('.pending');
    if (by('m-' + data.id)) return;
    log.dataset.last = data.id;
    box.innerHTML = data.html;
    var message = box.querySelector('.message');
    if (message.classList.contains('me') && pending) { // shown already: only named, so as not to be read out twice
      pending.id = message.id;
      return pending.classList.remove('pending');
    }
    if (message.classList.contains('service')) {
      clearTimeout(late);
      each('.note, .choices', remove);
    }
    message.classList.add('new');
    log.appendChild(message);
    scrollToNewest();
  }
  function send(form, body, shown) {
    var bubble = append('div', 'message me new pending', '<p class="meta"><bdi></bdi></p><p class="text"></p>', shown);
    bubble.dir = 'auto';
    bubble.tabIndex = -1;
    bubble.querySelector('bdi').textContent = log.dataset.you;
    function failed() { // nothing is lost: her words go back to the field, the choices come back
      clearTimeout(late);
      if (bubble.id) return;
      remove(bubble);
      each('.choices', function (choices) { choices.hidden = false; });
      if (form === composer && !field.value) field.value = body;
      note(log.dataset.offline);
    }
    each('.choices', function (choices) { choices.hidden = true; });
    if (form === composer) { field.value = ''; field.focus(); } else bubble.focus();
    note(log.dataset.waiting);
    scrollToNewest();
    clearTimeout(late); // some networks hold events back: after a long silence, ask for the page itself
    late = setTimeout(function () { if (!field.value && navigator.onLine !== false) location.reload(); }, 20000);
    fetch('/chat/messages', {
      method: 'POST', credentials: 'same-origin',
      headers: { 'X-Requested-With': 'fetch', 'Content-Type': 'application/x-www-form-urlencoded' },
      body: 'csrf=' + encodeURIComponent(form.elements.csrf.value) + '&body=' + encodeURIComponent(body)
    }).then(function (answer) { if (answer.status !== 202) { live = false; failed(); } }, failed);
  }
  function listen() {
    if (!window.EventSource || !window.fetch || live) return;
    if (source) source.close();
    live = true; failures = 0;
    source = new EventSource('/chat/events?after=' + encodeURIComponent(log.dataset.last));
    source.onopen = function () { failures = 0; };
    source.onmessage = receive;
    source.onerror = function () { if (++failures > 1 || source.readyState === 2) { live = false; source.close(); } };
  }
  composer.addEventListener('submit', function (event) {
    if (live || navigator.onLine === false) event.preventDefault();
    if (live && field.value.trim()) send(composer, field.value.trim(), field.value.trim());
    else if (navigator.onLine === false) note(log.dataset.offline);
  });
  log.addEventListener('click', function (event) {
    var button = live && event.target.closest && event.target.closest('.choices button');
    if (button) { event.preventDefault(); send(button.form, button.value, button.textContent.trim()); }
  });
  field.addEventListener('keydown', function (event) {
    if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
    event.preventDefault();
    composer.querySelector('button').click();
  });
  window.addEventListener('online', listen);
  listen();
  scrollToNewest();
}());
