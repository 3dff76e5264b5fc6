import test from 'ava';
import { call } from '../../helpers/cli.ts';
import { temporaryFolder } from '../../helpers/folder.ts';

for (const [option, reference] of [
  ['--channel', 'zot:repo:machine/stable'],
  ['--source', 'zot:repo:machine/web:1'],
] as const)
  test(`the folder of ${option} is looked for below the working directory`, async (t) => {
    const root = await temporaryFolder(t);
    const words = ['mosctl', '--json', 'update', 'settings', option, reference, '-r', root];
    const { stdout } = await call(words, { cwd: '/srv/images' });
    t.is(JSON.parse(stdout).source.reference, reference.replace('repo', '/srv/images/repo'));
  });
