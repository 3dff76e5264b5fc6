import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import test from 'ava';
import { temporaryFolder } from '../helpers/folder.ts';
import { startRegistry } from '../helpers/registries.ts';
import { addTarImage } from '../helpers/tar-image.ts';

const programs = resolve('build');

test('a channel from its keys to a machine, by the executable alone; whoever has the registry can only keep still', async (t) => {
  const folder = await temporaryFolder(t);
  const registry = await startRegistry(t, { kind: 'docker' });
  const channel = `${registry.host}/machine/stable`;
  const root = join(folder, 'root');
  // Not synchronously: the registry's log goes through this process, and it stands still when nobody reads it.
  const start = (program: string, args: readonly string[]) =>
    new Promise<{ status: unknown; stdout: string; stderr: string }>((resolve) => {
      const env = { HOME: folder, PATH: process.env['PATH'] ?? '' };
      execFile(program, args, { cwd: folder, env, timeout: 60_000 }, (error, stdout, stderr) =>
        resolve({ status: error === null ? 0 : error.code, stdout, stderr }),
      );
    });
  const ok = async (program: string, ...args: string[]) => {
    const { status, stdout, stderr } = await start(program, args);
    t.is(status, 0, `${program} ${args.join(' ')}: ${stderr}`);
    return stdout.trim();
  };
  const json = async (program: string, ...args: string[]) =>
    JSON.parse(await ok(join(programs, program), '--json', ...args));
  const release = (word: string, ...args: string[]) =>
    json('mosb', 'release', word, '--project', 'acme:default', channel, ...args);
  const crane = (...args: string[]) => ok(join(programs, 'tools/crane'), ...args);

  await json('trust', 'keyset', 'add', '--key-type', 'ecdsa', 'acme');
  await json('trust', 'tuf-keys', 'add', 'acme');
  const keys = join(folder, '.local/share/machine/trust/keys/acme');
  const publish = async (number: number) => {
    await addTarImage(join(folder, 'images'), `data${number}`, { release: `${number}` });
    const target = `{service_name: data, source: "oci:images:data${number}", version: "${number}.0", service_type: fs-only}`;
    const text = `version: 1\nproduct: default\nupdate_type: complete\nrelease: ${number}\ntargets: [${target}]\n`;
    writeFileSync(join(folder, 'manifest.yaml'), text);
    const name = `machine/data:${number}.0`;
    await json(
      'mosb',
      'manifest',
      'publish',
      '--project',
      'acme:default',
      '--repo',
      registry.host,
      '--name',
      name,
      'manifest.yaml',
    );
    return `${registry.host}/${name}`;
  };
  const [first, second] = [await publish(1), await publish(2)];
  await release('add', first, '--arch', 'amd64');
  await release('sign');
  const old = await crane('digest', `${channel}:timestamp.json`);
  await release('add', second, '--arch', 'amd64');
  t.like(await release('sign'), {
    changed: true,
    missing: [],
    versions: { root: 1, targets: 2, snapshot: 2, timestamp: 2 },
  });
  t.like(await release('sign'), { changed: false, changes: [] });

  // The reference implementation of TUF reads what the executable signed.
  const judge = [
    resolve('test/helpers/registries/read-tuf.py'),
    channel,
    join(keys, 'tuf/roots/1.root.json'),
  ];
  const { index } = await release('show');
  t.deepEqual(
    JSON.parse(await ok(join(programs, 'tools/python-tuf'), ...judge, join(folder, 'cache'))),
    index,
  );

  mkdirSync(join(root, 'factory/secure'), { recursive: true });
  copyFileSync(join(keys, 'manifest-ca/cert.pem'), join(root, 'factory/secure/manifestCA.pem'));
  await json('mosctl', 'install', '-r', root, first);
  await json('mosctl', 'update', 'settings', '-r', root, '--channel', channel);
  const check = ['update', 'check', '-r', root];
  t.is((await json('mosctl', ...check)).chosen_update.digest, index.releases[1].manifest);

  const refused = async () => {
    const { status, stderr } = await start(join(programs, 'mosctl'), ['--quiet', ...check]);
    return [status, stderr.split('\n')[0]];
  };
  const swap = (tag: string, digest: string) => crane('tag', `${channel}@${digest}`, tag);
  const now = await crane('digest', `${channel}:timestamp.json`);
  await swap('timestamp.json', old);
  const older = `mosctl: cannot trust ${channel}: its timestamp.json has version 1, 2 was seen before`;
  t.deepEqual(await refused(), [4, older]);
  await swap('timestamp.json', now);
  t.like(await json('mosctl', ...check), { update_state: 'Available' });

  // The next index is swapped for the one before it, on its way to a machine that has not seen it.
  const indexes = async () =>
    (await crane('ls', channel)).split('\n').filter((tag) => tag.endsWith('.index.json'));
  const before = await indexes();
  await release('set-max', '1');
  await release('sign');
  const [added = ''] = (await indexes()).filter((tag) => !before.includes(tag));
  await swap(added, await crane('digest', `${channel}:${before[0]}`));
  const [status, line] = await refused();
  t.is(status, 4);
  t.regex(String(line), /: its index\.json is not the one that was signed: it (has|hashes)/);
});

test('docs/release-channels.md can be followed as it stands', async (t) => {
  const folder = await temporaryFolder(t);
  const registry = await startRegistry(t, { kind: 'docker' });
  await addTarImage(join(folder, 'images'), 'web', { release: '41' });
  writeFileSync(
    join(folder, 'manifest.yaml'),
    'version: 1\nproduct: default\nupdate_type: complete\nrelease: 41\ntargets: [{service_name: web, source: "oci:images:web", version: 1.2.0, service_type: fs-only}]\n',
  );
  const page = readFileSync('docs/release-channels.md', 'utf8');
  const [, steps = ''] = /## Five minutes\n(.*?)\n## /s.exec(page) ?? [];
  const lines = [...steps.matchAll(/^ {4}(?:\$ | +)(.*)$/gm)].map(([, line]) => line);
  const script = ['set -e', 'trust keyset add --key-type ecdsa acme', ...lines].join('\n');
  const env = { PATH: `${programs}:${process.env['PATH']}`, HOME: folder };
  const { error, stdout, stderr } = await new Promise<{ error: unknown; stdout: string; stderr: string }>(
    (done) => {
      const shell = ['-c', script.replaceAll('registry.example', registry.host)];
      execFile('/bin/bash', shell, { cwd: folder, env, timeout: 120_000 }, (error, stdout, stderr) =>
        done({ error, stdout, stderr }),
      );
    },
  );
  t.is(error, null, stderr);
  t.regex(
    stdout,
    /waits for mosb release sign:\n {2}1\.2\.0 \(release 41, amd64\): added, in 2 waves\nsigned /,
  );
});
