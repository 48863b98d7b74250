// Fetches what changes every two seconds; everything else works without this script.
const live = document.getElementById('live');
const follow = document.getElementById('follow');
const freshness = document.getElementById('freshness');
document.getElementById('following').hidden = false;

async function refresh() {
  // What somebody is reading by keyboard, or has no eyes on, stays as it is.
  if (!follow.checked || document.hidden || live.contains(document.activeElement)) return;
  try {
    const answer = await fetch('/operations/live', { cache: 'no-store', redirect: 'manual' });
    if (answer.ok) {
      live.innerHTML = await answer.text();
      freshness.textContent = '';
    } else {
      freshness.textContent = answer.status === 401 || answer.status === 403 || answer.type === 'opaqueredirect'
        ? 'You are signed out: reload the page.' : `The server answered ${answer.status}; what is shown is older.`;
    }
  } catch {
    freshness.textContent = 'The server does not answer; what is shown is older.';
  }
}

(async () => {
  for (;;) {
    await new Promise(next => setTimeout(next, 2000));
    await refresh();
  }
})();
