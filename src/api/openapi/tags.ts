/** How the document groups the routes: by the resource that begins their path. */

const tags = {
  Webhooks: { segments: ['webhooks'], description: 'Where events are sent, and how.' },
  Events: { segments: ['events', 'event-types'], description: 'What happened, as it was published.' },
  Deliveries: { segments: ['deliveries'], description: 'One event on its way to one webhook, and its attempts.' },
  'Dead letters': { segments: ['dlq'], description: 'Deliveries that ended without success.' },
  Replays: { segments: ['replays'], description: 'Sending many deliveries of a webhook again.' },
  Quotas: { segments: ['quotas'], description: 'What a tenant may use, and what it uses.' },
  'Audit log': { segments: ['audit-logs'], description: 'Who changed what.' },
  Authentication: { segments: ['auth'], description: 'Access tokens for client credentials.' },
  'API keys': { segments: ['keys'], description: "Credentials of a tenant's own services." },
  Tenants: { segments: ['tenants'], description: 'Accounts of the product that runs Everhook.' },
  Administration: { segments: ['admin'], description: 'Across all tenants.' },
  Probes: { segments: ['health', 'ready'], description: 'For load balancers and orchestrators.' },
};

/** @param url of a route, such as `/v1/webhooks/:id` */
export function tagOf(url: string): string | undefined {
  const segment = url.replace(/^\/v1\//, '/').split('/')[1] ?? '';
  return Object.entries(tags).find(([, { segments }]) => segments.includes(segment))?.[0];
}

/** In the order in which the document shows them. */
export function describeTags(used: ReadonlySet<string>): { name: string; description: string }[] {
  return Object.entries(tags)
    .filter(([name]) => used.has(name))
    .map(([name, { description }]) => ({ name, description }));
}
