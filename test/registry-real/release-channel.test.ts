import { execFile } from 'node:child_process';
import { mkdir } from 'node:fs/promises';
import { promisify } from 'node:util';
import test from 'ava';
import { renderReleaseIndex } from '../../pkg/manifest/index.ts';
import { media } from '../../pkg/oci/index.ts';
import { openRegistry } from '../../pkg/registry/index.ts';
import { quickHost } from '../helpers/quick-host.ts';
import { startRegistry } from '../helpers/registries.ts';
import { openDesk } from '../helpers/release.ts';

const run = promisify(execFile);

for (const kind of ['docker', 'referrers'] as const) {
  test(`a channel at ${kind} is read by machines, by the reference implementation of TUF, and by crane and regctl`, async (t) => {
    const registry = await startRegistry(t, { kind });
    const desk = await openDesk(t, registry.host);
    const { folder, release } = desk;
    const channel = `${registry.host}/machine/stable`;
    const repository = await openRegistry(quickHost(), {
      registry: registry.host,
      repository: 'machine/stable',
    });
    const crane = async (...args: string[]) => (await run('build/tools/crane', args)).stdout;
    const judge = async (cache: string) => {
      const args = [
        'test/helpers/registries/read-tuf.py',
        channel,
        `${folder}/1.root.json`,
        `${folder}/${cache}`,
      ];
      return (await run('build/tools/python-tuf', args)).stdout;
    };
    const tagged = async () => {
      const tags = (await crane('ls', channel)).trim().split('\n').sort();
      return Promise.all(tags.map(async (tag) => [tag, (await repository.resolve(tag)).digest]));
    };

    await desk.trust('tuf-keys', 'add', 'acme');
    await release('add', channel, await desk.publish(1), '--arch', 'amd64');
    await release('sign', channel);
    await run('cp', [`${desk.vendor.keys}/acme/tuf/roots/1.root.json`, folder]);
    const root = `${folder}/root`;
    await mkdir(root);
    const first = await desk.read(root, channel);
    const text = (index: typeof first.index) => new TextDecoder().decode(renderReleaseIndex(index));
    t.is(await judge('cache'), `${text(first.index)}\n`);

    // A second time nothing is put: tags, and what hangs below the root, stay what they are.
    const before = await tagged();
    t.regex(await release('sign', channel), /^nothing changed: /);
    t.deepEqual(await tagged(), before);
    const newest = await repository.resolve('1.root.json');
    const types = (await repository.referrers(newest)).map(({ artifactType }) => artifactType).sort();
    t.deepEqual(types, [media.certificate, media.signature]);

    const timestamp = await repository.resolve('timestamp.json');
    t.is(
      JSON.parse(await crane('manifest', `${channel}:timestamp.json`)).artifactType,
      media.channel.timestamp,
    );
    const hosts = ['--host', `reg=${registry.host},tls=disabled`];
    const got = await run('build/tools/regctl', [...hosts, 'artifact', 'get', `${channel}:timestamp.json`]);
    t.is(JSON.parse(got.stdout).signed._type, 'timestamp');

    for (const role of ['root', 'targets'])
      t.is((await desk.trust('tuf-keys', 'rotate', 'acme', role)).exit, 0);
    await release('add', channel, await desk.publish(2), '--arch', 'amd64');
    await release('sign', channel);
    const second = await desk.read(root, channel);
    t.is(second.index.releases.length, 2);
    t.is(await judge('cache'), `${text(second.index)}\n`);
    t.is(await judge('empty'), `${text(second.index)}\n`);

    // Somebody puts the old timestamp back: both refuse.
    await crane('tag', `${channel}@${timestamp.digest}`, 'timestamp.json');
    t.regex((await t.throwsAsync(judge('cache')))?.message ?? '', /BadVersionNumberError/);
    t.is(
      (await t.throwsAsync(desk.read(root, channel)))?.message,
      `cannot trust ${channel}: its timestamp.json has version 1, 2 was seen before`,
    );
  });
}
