// Tells the page that asked for the sign-in what became of it. The address loses the code, which stands in no history.
const answer = window.location.search;
window.history.replaceState(null, '', window.location.pathname);
new BroadcastChannel('ostiary-api-docs').postMessage(answer);
window.close();
