// Fetches what changes, each part as often as it says; everything else works without this script.
const follow = document.getElementById('follow');
const freshness = document.getElementById('freshness');
document.getElementById('following').hidden = false;

async function refresh(part) {
  // What somebody is reading by keyboard, or has no eyes on, stays as it is.
  if (!follow.checked || document.hidden || part.contains(document.activeElement)) return;
  try {
    const answer = await fetch(part.dataset.from, { cache: 'no-store', redirect: 'manual' });
    if (answer.ok) {
      part.innerHTML = await answer.text();
      freshness.textContent = '';
    } else {
      freshness.textContent = answer.status === 401 || answer.status === 403 || answer.type === 'opaqueredirect'
        ? 'You are signed out: reload the page.' : `The server answered ${answer.status}; what is shown is older.`;
    }
  } catch {
    freshness.textContent = 'The server does not answer; what is shown is older.';
  }
}

for (const part of document.querySelectorAll('[data-from]'))
  (async () => {
    for (;;) {
      await new Promise(next => setTimeout(next, 1000 * part.dataset.seconds));
      await refresh(part);
    }
  })();
