// The key that tokens are bound to (RFC 9449). It cannot be read, not even by this page: the browser keeps it and signs with it. A script that does
// not belong here can use it while the page is open, and take nothing away.
import * as oauth from './oauth4webapi.js';

/** The same for this browser until its storage is emptied, so that a reload does not lose what the refresh token is bound to. */
export async function keyPair() {
  const kept = await store('readonly', (keys) => keys.get('dpop'));
  if (kept) return kept;
  const made = await oauth.generateKeyPair('ES256', { extractable: false });
  await store('readwrite', (keys) => keys.put(made, 'dpop'));
  return made;
}

const settled = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

async function store(mode, work) {
  const opening = indexedDB.open('trip-planner', 1);
  opening.onupgradeneeded = () => opening.result.createObjectStore('keys');
  const database = await settled(opening);
  try {
    return await settled(work(database.transaction('keys', mode).objectStore('keys')));
  } finally {
    database.close();
  }
}
