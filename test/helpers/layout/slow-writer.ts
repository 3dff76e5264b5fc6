// Puts the blob of FILE into the layout FOLDER in pieces, tells on stdout how far it is, and after 2 MiB waits for ever.
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { linuxHost } from '../../../pkg/host/linux/index.ts';
import { openLayout } from '../../../pkg/layout/index.ts';
import { chunks, content } from '../images.ts';

const [folder = '', file = ''] = process.argv.slice(2);
const layout = await openLayout(linuxHost, folder, { create: true, owner: 'slow writer' });
const { descriptor, bytes } = content('application/octet-stream', await readFile(file));
async function* slowly(start: number): AsyncGenerator<Uint8Array> {
  let sent = 0;
  for await (const chunk of chunks(bytes.subarray(start))) {
    yield chunk;
    sent += chunk.length;
    console.log(sent);
    if (sent >= 2 * 1024 * 1024) await wait(600_000);
  }
}
await layout.putFrom(descriptor, slowly);
