import { execFile } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { makeApiMachine } from '../helpers/api.ts';
import { programs, startDaemon } from '../helpers/daemon.ts';

type Ran = { readonly exit: number; readonly stderr: string };
const run = ([file = '', ...first]: readonly string[], ...words: readonly string[]) =>
  new Promise<Ran>((resolve) => {
    execFile(file, [...first, ...words], (error, _stdout, stderr) =>
      resolve({ exit: error === null ? 0 : Number(error.code), stderr }),
    );
  });

for (const [name, program] of Object.entries(programs))
  test.serial(
    `${name}: who comes with the certificate of a machine, or of another API CA, is told that it is not let in`,
    async (t) => {
      const machine = await makeApiMachine(t);
      const { vendor, sudiCa } = machine;
      const sudi = join(vendor.keys, vendor.keyset, 'manifest/default/sudi/SN0001');
      const stranger = await (await makeApiMachine(t)).client('stranger', 'admin');
      const { port } = await startDaemon(t, program, machine.root, ['--listen', '127.0.0.1:0'], 1);
      const there = ['--host', `https://127.0.0.1:${port}`, '--server-ca', sudiCa, '--serial', 'SN0001'];
      for (const asking of Object.values(programs))
        for (const { cert, key } of [
          { cert: join(sudi, 'cert.pem'), key: join(sudi, 'privkey.pem') },
          stranger,
        ])
          t.deepEqual(await run(asking, 'ps', ...there, '--cert', cert, '--key', key), {
            exit: 4,
            stderr: `mosctl: cannot call the machine: it did not let our certificate in
  it must be of the API CA of the machine, and in its time: trust api-client add. Where it is, mosctl serve has just ended: try again
`,
          });
    },
  );
