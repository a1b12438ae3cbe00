"""The operations on Shopify's GraphQL Admin API that publishing needs, as text."""

ARTICLE = """
fragment Standing on Article {
  id handle title body summary isPublished publishedAt updatedAt
  blog { id handle }
  key: metafield(namespace: "igny8", key: "key") { value }
}
"""

SHOP = """
query Igny8Shop($blog: String!) {
  shop { name myshopifyDomain }
  currentAppInstallation { app { title } accessScopes { handle } }
  blogs(first: 10, query: $blog) { nodes { id handle title } }
}
"""

FIND_BLOG = "query Igny8Blog($blog: String!) { blogs(first: 10, query: $blog) { nodes { id handle } } }"

FIND_BY_HANDLE = (
    ARTICLE + "query Igny8Find($query: String!) { articles(first: 10, query: $query) { nodes { ...Standing } } }"
)

READ = ARTICLE + "query Igny8Read($ids: [ID!]!) { nodes(ids: $ids) { ...Standing } }"

CREATE = (
    ARTICLE
    + """
mutation Igny8Create($article: ArticleCreateInput!) {
  articleCreate(article: $article) { article { ...Standing } userErrors { code field message } }
}
"""
)

UPDATE = (
    ARTICLE
    + """
mutation Igny8Update($id: ID!, $article: ArticleUpdateInput!) {
  articleUpdate(id: $id, article: $article) { article { ...Standing } userErrors { code field message } }
}
"""
)

FIND_FILE = """
query Igny8File($query: String!) {
  files(first: 5, query: $query) { nodes { id fileStatus ... on MediaImage { image { url } } } }
}
"""

READ_FILE = """
query Igny8FileState($id: ID!) {
  node(id: $id) { ... on MediaImage { id fileStatus image { url } } }
}
"""

STAGE = """
mutation Igny8Stage($input: [StagedUploadInput!]!) {
  stagedUploadsCreate(input: $input) {
    stagedTargets { url resourceUrl parameters { name value } } userErrors { field message }
  }
}
"""

CREATE_FILE = """
mutation Igny8CreateFile($files: [FileCreateInput!]!) {
  fileCreate(files: $files) {
    files { id fileStatus ... on MediaImage { image { url } } } userErrors { code field message }
  }
}
"""
