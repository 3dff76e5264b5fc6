import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { describeRegistry, everyRegistry, startRegistry } from '../helpers/registries.ts';

const run = promisify(execFile);

for (const options of everyRegistry)
  test(`the test set-up gives ${describeRegistry(options)} that crane can use`, async (t) => {
    const registry = await startRegistry(t, options);
    const home = await mkdtemp(join(tmpdir(), 'mos-crane-'));
    t.teardown(() => rm(home, { recursive: true }));
    const env = { HOME: home, DOCKER_CONFIG: home, SSL_CERT_FILE: registry.ca ?? '' };
    const crane = (...args: string[]) => run('build/tools/crane', args, { env });
    await t.throwsAsync(crane('manifest', `${registry.host}/none/here:1`));
    if (options.auth !== 'none')
      await crane('auth', 'login', registry.host, '-u', registry.user, '-p', registry.password);
    await run('tar', ['-cf', join(home, 'layer.tar'), '-C', '/etc', 'hostname']);
    await crane('append', '-f', join(home, 'layer.tar'), '-t', `${registry.host}/some/image:1`);
    t.is((await crane('ls', `${registry.host}/some/image`)).stdout, '1\n');
  });
