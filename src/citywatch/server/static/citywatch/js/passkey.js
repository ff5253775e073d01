// Security keys: hands each button that wants one to the sign-in library's script, and says so when a key fails.

for (const button of document.querySelectorAll("[data-passkey]")) {
  const credential = button.form.querySelector('[name="credential"]');
  credential.id ||= "passkey-credential";
  button.id ||= "passkey-button";
  const ids = { add: button.id, authenticate: button.id, credential: credential.id, data: "js_data" };
  window.allauth.webauthn.forms[button.dataset.passkey]({ ids });
}

document.addEventListener("allauth.error", (event) => {
  event.preventDefault();
  for (const sentence of document.querySelectorAll("[data-passkey-failed]")) sentence.hidden = false;
});

for (const print of document.querySelectorAll("[data-print]")) print.addEventListener("click", () => window.print());
