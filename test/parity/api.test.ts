import { copyFileSync, mkdirSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join } from 'node:path';
import test from 'ava';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { addSudi, revokeApiClient } from '../../pkg/trust/index.ts';
import { type ClientFiles, get, makeApiMachine, requestOf, say } from '../helpers/api.ts';
import { programs, startDaemon } from '../helpers/daemon.ts';
import { hostAt } from '../helpers/keyset.ts';

// Who doesn't get in, asked of the daemon as it is released and of the one that Node runs.

const listen = ['--listen', '127.0.0.1:0'] as const;

for (const [name, program] of Object.entries(programs)) {
  test.serial(
    `${name}: only those get in whom the API CA, the clock and the list of now let in`,
    async (t) => {
      const machine = await makeApiMachine(t);
      const { vendor, sudiCa, root } = machine;
      const reader = await machine.client('reader', 'reader');
      const daemon = await startDaemon(t, program, machine.root, listen, 1);
      const ask = (
        client: ClientFiles | undefined,
        ...said: Parameters<typeof say> extends [unknown, ...infer R] ? R : never
      ) => say({ port: daemon.port, ca: sudiCa, ...(client === undefined ? {} : { client }) }, ...said);

      t.deepEqual((await ask(reader, get('/v1/jobs'))).statuses, [200]);
      t.deepEqual((await ask(reader, requestOf('POST /v1/reboot', 'Connection: close'))).statuses, [403]);

      const none = await ask(undefined, get('/v1/jobs'));
      t.deepEqual([none.statuses, none.error], [[], 'ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED']);
      const old = await say(
        { port: daemon.port, ca: sudiCa, client: reader, maxVersion: 'TLSv1.2' },
        get('/v1/jobs'),
      );
      t.deepEqual([old.statuses, old.error], [[], 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION']);

      const expired = await machine.client('expired', 'admin', hostAt('2026-01-01T00:00:00Z'), 1);
      const early = await machine.client('early', 'admin', hostAt('2090-01-01T00:00:00Z'), 1);
      const sudi = join(vendor.keys, vendor.keyset, 'manifest/default/sudi/SN0001');
      const machineItself = { cert: join(sudi, 'cert.pem'), key: join(sudi, 'privkey.pem') };
      const project = join(vendor.keys, vendor.keyset, 'manifest/default');
      const signer = { cert: join(project, 'cert.pem'), key: join(project, 'privkey.pem') };
      const stranger = await (await makeApiMachine(t)).client('stranger', 'admin');
      const { path } = await addSudi(linuxHost, vendor.keyset, 'default', 'SN0002', { folder: vendor.keys });
      const neighbour = { cert: join(path, 'cert.pem'), key: join(path, 'privkey.pem') };
      for (const client of [expired, early, machineItself, neighbour, signer, stranger])
        t.deepEqual((await ask(client, get('/v1/jobs'))).statuses, [], client.cert);

      // A connection that lives is judged anew at each request: revoked between the first and the second.
      const alice = await machine.client('alice', 'admin');
      const kept = await ask(
        alice,
        requestOf('GET /v1/jobs'),
        async () => {
          await new Promise((resolve) => setTimeout(resolve, 300));
          const { path } = await revokeApiClient(linuxHost, vendor.keyset, 'alice', { folder: vendor.keys });
          mkdirSync(dirname(machine.revocations), { recursive: true });
          copyFileSync(path, machine.revocations);
        },
        requestOf('GET /v1/jobs'),
      );
      t.deepEqual(kept.statuses, [200, 403]);
      t.regex(kept.text, /its certificate \\"alice\\" was revoked/);
      t.deepEqual((await ask(alice, get('/v1/jobs'))).statuses, [403]);
      const admin = await machine.client('admin', 'admin');
      t.regex((await ask(admin, get('/v1/audit'))).text, /"nobody",.*GET \(not let in\).*was revoked/);
      t.deepEqual((await ask(reader, get('/v1/jobs'))).statuses, [200]);

      // Without its CA nobody is anybody.
      rmSync(join(root, 'factory/secure/apiCA.pem'));
      t.deepEqual((await ask(reader, get('/v1/jobs'))).statuses, [404]);
    },
  );

  test.serial(`${name}: what is malformed, endless or slow gets an error and no more`, async (t) => {
    const machine = await makeApiMachine(t);
    const client = await machine.client('admin', 'admin');
    const daemon = await startDaemon(t, program, machine.root, listen, 1);
    const ask = (...parts: Parameters<typeof say> extends [unknown, ...infer R] ? R : never) =>
      say({ port: daemon.port, ca: machine.sudiCa, client }, ...parts);
    const json = 'Content-Type: application/json';
    const post = (body: string, type = json): string =>
      `${requestOf('POST /v1/pins', type, `Content-Length: ${body.length}`, 'Connection: close')}${body}`;

    const cases: readonly [string, string, readonly number[]][] = [
      ['100,000 headers', `GET /v1/jobs HTTP/1.1\r\n${'a: b\r\n'.repeat(100_000)}\r\n`, [431]],
      ['1 GB of body', requestOf('POST /v1/pins', json, 'Content-Length: 1000000000'), [413]],
      [
        'a smuggled request',
        `${requestOf('POST /v1/pins', 'Content-Length: 4', 'Transfer-Encoding: chunked')}0\r\n\r\n${get('/v1/jobs')}`,
        [501],
      ],
      ['two requests at once', `${requestOf('GET /v1/jobs')}${get('/v1/jobs')}`, [200, 200]],
      ['a path that leads out', get('/v1/../../etc/passwd'), [400]],
      ['the same, encoded twice', get('/v1/%252e%252e/etc'), [400]],
      ['no JSON type', post('{"generation":1}', 'Content-Type: text/plain'), [415]],
      ['deep JSON', post('['.repeat(50_000)), [400]],
      ['a name twice', post('{"generation":1,"generation":2}'), [400]],
      ['__proto__', post('{"generation":1,"__proto__":{"remove":true}}'), [400]],
      ['a field that is not known', post('{"generation":1,"x":2}'), [400]],
      ['no request at all', 'hello\r\n\r\n', [400]],
    ];
    for (const [what, text, statuses] of cases) t.deepEqual((await ask(text)).statuses, statuses, what);
    const half = ask('GET /v1/jobs HTTP/1.1\r\nHost: ma');
    const silent = new Promise<boolean>((resolve) => {
      const socket = connect(daemon.port, '127.0.0.1');
      socket.on('error', () => {});
      socket.on('close', () => resolve(true));
    });
    const drips = ask(
      'GET /v1/jobs HTTP/1.1\r\n',
      async () => {},
      ...Array.from({ length: 30 }, () => drip).flat(),
    );
    t.deepEqual((await ask(get('/v1/jobs'))).statuses, [200]); // meanwhile others are served
    t.deepEqual((await half).statuses, [408]);
    t.deepEqual((await drips).statuses, [408]);
    t.true(await silent);
  });
}

/** A byte a second. */
const drip = ['X', () => new Promise((resolve) => setTimeout(resolve, 1000))] as const;
