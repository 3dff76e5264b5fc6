import { readFileSync } from 'node:fs';
import test from 'ava';
import { parse } from 'yaml';
import { version } from '../../cmd/mosctl/version.ts';
import { openApi } from '../../pkg/api/api.ts';
import { openApiDocument, renderRoles } from '../../pkg/api/index.ts';
import { routes } from '../../pkg/api/routes.ts';
import { linuxHost } from '../../pkg/host/linux/index.ts';
import { makeApiMachine } from '../helpers/api.ts';
import { installFrom } from '../helpers/machine.ts';
import { addImage, publishRelease } from '../helpers/vendor.ts';

test('docs/openapi.yaml is made of the code: make docs', async (t) => {
  const document = JSON.parse(JSON.stringify(await openApiDocument(version)));
  t.deepEqual(parse(readFileSync('docs/openapi.yaml', 'utf8')), document);
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.keys(methods as object).map((method) => `${method.toUpperCase()} ${path}`),
  );
  t.deepEqual(operations.toSorted(), routes.map(({ method, path }) => `${method} ${path}`).toSorted());
});

test('the table of roles in the README is made of the code: make docs', async (t) => {
  t.true(
    readFileSync('pkg/api/README.md', 'utf8').includes(
      `<!-- roles -->\n${await renderRoles()}\n<!-- /roles -->`,
    ),
  );
});

test('what an installed machine answers fits what the document promises', async (t) => {
  const { vendor, root } = await makeApiMachine(t);
  const image = await addImage(vendor, 'data', { 'etc/motd': 'hello' });
  await publishRelease(vendor, {
    manifest: `update_type: complete
targets:
  - { service_name: data, source: '${image}', version: 1.0.0, service_type: fs-only, nsgroup: none, network: { type: none } }
`,
  });
  await installFrom(root, `zot:${vendor.repository}:machine/install:1.0.0`);
  await using api = await openApi(linuxHost, { root, builtAt: new Date(0) });
  const looking = routes.filter(({ method, path }) => method === 'GET' && !path.includes('{'));
  for (const route of looking) {
    const caller = { name: 'somebody', role: 'admin' } as const;
    const value = await route.run(api, { caller, path: {}, query: {}, body: undefined });
    if (route.gives.kind === 'value')
      t.notThrows(
        () => (route.gives as { schema: { check(v: unknown, at: string): unknown } }).schema.check(value, ''),
        route.path,
      );
  }
});
