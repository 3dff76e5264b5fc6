import { copyFileSync, mkdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { revokeApiClient } from '../../pkg/trust/index.ts';
import { type ClientFiles, makeApiMachine } from '../helpers/api.ts';
import { programs, startDaemon } from '../helpers/daemon.ts';
import { installFrom, updateFrom } from '../helpers/machine.ts';
import { addImage, publishRelease } from '../helpers/vendor.ts';

// Connections that live, and sessions that come back: what is true now counts.

const tls = ['--listen', '127.0.0.1:0'] as const;
const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: machine\r\n\r\n`;

/** The next answer on a connection that stays. */
const answer = (socket: TLSSocket, path: string): Promise<{ status: number; body: string }> =>
  new Promise((resolve, reject) => {
    let text = '';
    const take = (chunk: Buffer): void => {
      text += chunk.toString();
      const end = text.indexOf('\r\n\r\n');
      const length = Number(/content-length: (\d+)/.exec(text)?.[1]);
      if (end < 0 || Buffer.byteLength(text) < end + 4 + length) return;
      socket.removeListener('data', take);
      resolve({ status: Number(text.slice(9, 12)), body: text.slice(end + 4) });
    };
    socket.on('data', take);
    socket.once('close', () => reject(new Error(`closed after ${JSON.stringify(text)}`)));
    socket.write(get(path));
  });

const opened = (port: number, ca: string, { cert, key }: ClientFiles, session?: Buffer): Promise<TLSSocket> =>
  new Promise((resolve, reject) => {
    const files = { ca: readFileSync(ca), cert: readFileSync(cert), key: readFileSync(key) };
    const socket = connect({
      ...{ host: '127.0.0.1', port, ...files, checkServerIdentity: () => undefined },
      ...(session === undefined ? {} : { session }),
    });
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });

for (const [name, program] of Object.entries(programs)) {
  test.serial(`${name}: a session that comes back after revocation is nobody’s`, async (t) => {
    const machine = await makeApiMachine(t);
    const { vendor, sudiCa } = machine;
    const { port } = await startDaemon(t, program, machine.root, tls, 1);
    const alice = await machine.client('alice', 'admin');
    const first = await opened(port, sudiCa, alice);
    const sessions: Buffer[] = [];
    first.on('session', (session: Buffer) => sessions.push(session));
    t.is((await answer(first, '/v1/jobs')).status, 200);
    const kept = first.getSession();
    if (kept !== undefined) sessions.push(kept);
    first.destroy();

    const { path } = await revokeApiClient(linuxHost, vendor.keyset, 'alice', { folder: vendor.keys });
    mkdirSync(dirname(machine.revocations), { recursive: true });
    copyFileSync(path, machine.revocations);
    t.true(sessions.length > 0);
    for (const session of sessions) {
      const again = await opened(port, sudiCa, alice, session);
      t.false(again.isSessionReused());
      t.is((await answer(again, '/v1/jobs')).status, 403);
      again.destroy();
    }
  });

  test.serial(`${name}: a new generation is in the next answer of a connection that lives`, async (t) => {
    const machine = await makeApiMachine(t);
    const { vendor, root, sudiCa } = machine;
    const release = async (number: number): Promise<string> => {
      await addImage(vendor, `v${number}`, { motd: `release ${number}` });
      const { reference } = await publishRelease(vendor, {
        name: `machine/install:${number}`,
        manifest: `update_type: complete
release: ${number}
targets:
  - {service_name: data, source: "oci:${vendor.images}:v${number}", version: "${number}", service_type: fs-only}
`,
      });
      return reference;
    };
    await installFrom(root, await release(1));
    const { port } = await startDaemon(t, program, root, tls, 1);
    const socket = await opened(port, sudiCa, await machine.client('reader', 'reader'));
    const generation = async (): Promise<number> =>
      JSON.parse((await answer(socket, '/v1/status')).body).running.generation;
    t.is(await generation(), 1);
    for (const number of [2, 3, 4]) {
      await updateFrom(root, await release(number));
      t.is(await generation(), number);
    }
    socket.destroy();
  });
}
