// The code is in the fragment, so that it is in no request but this form.
const code = location.hash.slice(1);
if (code) {
  history.replaceState(null, '', location.pathname);
  document.querySelector('[name=code]').value = code;
  document.querySelector('form').submit();
}
